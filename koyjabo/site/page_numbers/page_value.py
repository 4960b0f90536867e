"""The views of a page as a value of badges, elements and frames (specification: Badges)."""

from collections.abc import Mapping

from koyjabo.base.core.services import Services
from koyjabo.site.shown_values import Number
from koyjabo.web.current import current
from koyjabo.web.panel.server_page import ServerRow
from .page_numbers import PageNotShown, PageNumbers, page_of


class PageViewsValue:
    labels: Mapping[str, str] = {"en": "views", "bn": "ভিউ"}

    def is_shown(self) -> bool:
        return current()[PageNumbers].is_on

    def page_of(self, path: str) -> str:
        return page_of(path)

    def read(self, services: Services, page: str) -> Number:
        """The views of a page. Raises PageNumbersOff, PageNotShown, StillCounting, LedgerUnavailable."""
        numbers = services[PageNumbers]
        numbers.require_on()
        counts = numbers.read({page})
        views = counts.pages[page].views
        if views is None:
            raise PageNotShown
        return Number(views, counts.epoch, 0)


PAGE_VIEWS = {"page": PageViewsValue()}
PAGE_ROWS = {"page-numbers": ServerRow()}
