"""The numbers that other sites may show, under the same names in badges, elements and frames."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.services import Services
from koyjabo.base.models import Scope
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.page_numbers.page_numbers import PageNotShown, PageNumbers, page_of
from koyjabo.counting.stats import base36
from koyjabo.counting.visits import Visits

STATS_FIELDS = {"total": "total", "today": "today", "active": "active", "visitors": "unique_visitors"}
"""Fields of `Stats`, by the name of the value."""

TOTAL_VALUE = "total"
"""The default value."""

ONLINE_VALUE = "online"
"""The only value available for a community."""

PAGE_VALUE = "page"
"""The views of a page."""

BADGE_VALUES = (*STATS_FIELDS, PAGE_VALUE, ONLINE_VALUE)

VALUE_LABELS = {
    "en": {
        "total": "visits",
        "today": "visits today",
        "active": "active now",
        "visitors": "unique visitors",
        PAGE_VALUE: "views",
        ONLINE_VALUE: "online now",
    },
    "bn": {
        "total": "ভিজিট",
        "today": "আজকের ভিজিট",
        "active": "এখন সক্রিয়",
        "visitors": "আলাদা ভিজিটর",
        PAGE_VALUE: "ভিউ",
        ONLINE_VALUE: "এখন অনলাইনে",
    },
}
"""Labels by language. They are not in the translation catalogues, because badges are served without a Flask request."""


ACCENT = "#006a4e"


class Number(NamedTuple):
    """A number with its revision, in ms since 1970 UTC, and its epoch, in base 36."""

    number: int
    epoch: str
    revision: int  # 0 for people online and for pages


def problems(
    query: Mapping[str, str], parameters: Collection[str], choices: Mapping[str, Collection[str]]
) -> dict[str, str]:
    """Why a query is invalid, by parameter. `choices` are the allowed values of optional parameters."""
    reasons = {name: f"use {', '.join(parameters)}" for name in query if name not in parameters}
    value, community = query.get("value", TOTAL_VALUE), query.get("community", "")
    if value == PAGE_VALUE and "page" not in query:
        reasons["page"] = "is required for the value page"
    if "page" in query:
        reasons |= _problem_of_page(query["page"]) if value == PAGE_VALUE else {"page": "is only for the value page"}
    if value == ONLINE_VALUE and not community:
        reasons["community"] = "is required for the value online"
    if value != ONLINE_VALUE and value in BADGE_VALUES and community:
        reasons["community"] = "the only value for a community is online"
    for name, allowed in {"value": BADGE_VALUES, **choices}.items():
        if name in query and query[name] not in allowed:
            reasons[name] = f"use {', '.join(allowed)}"
    return reasons


def _problem_of_page(path: str) -> dict[str, str]:
    try:
        page_of(path)
    except InvalidInput as error:
        return {"page": error.details["path"]}
    return {}


def read(services: Services, value: str, community: str, page: str) -> Number:
    """The current number. `page` is a page as `page_of` returns it, or "".

    Raises LedgerUnavailable, UnknownCommunity if the community does not show its number to everyone, and for a page
    PageNumbersOff, PageNotShown, StillCounting.
    """
    if value == PAGE_VALUE:
        numbers = services[PageNumbers]
        numbers.require_on()
        counts = numbers.read({page})
        views = counts.pages[page].views
        if views is None:
            raise PageNotShown
        return Number(views, counts.epoch, 0)
    visits = services[Visits]
    if value == ONLINE_VALUE:
        communities = services[CommunityServices]
        scope = Scope(communities.directory.with_public_count(communities.refs.resolve(community)).id)
        (count,) = communities.people.online(scope)
        return Number(count, base36(visits.site.snapshot.epoch), 0)
    stats = visits.stats()
    return Number(getattr(stats, STATS_FIELDS[value]), base36(stats.epoch), stats.revision)
