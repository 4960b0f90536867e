"""Repeats the work that depends on the time zone and on PAGE_NUMBERS when an admin changes them."""

from koyjabo.base.cluster.base import Base
from koyjabo.counting.visits import Visits
from .page_numbers import PageNumbers
from .page_totals import PageTotals
from .pages_room import PagesRoom


class PageSettingsFollower:
    """Counts again, or sends again, what was derived from settings that have changed."""

    def __init__(self, base: Base) -> None:
        self._settings, self._clock, services = base.settings, base.clock, base.services
        self._visits, self._numbers = services[Visits], services[PageNumbers]
        self._totals, self._room = services[PageTotals], services[PagesRoom]
        self._zone, self._page_numbers = base.clock.zone, base.settings.page_numbers

    def follow(self, _: object) -> None:
        """Follow the time zone and PAGE_NUMBERS."""
        zone, page_numbers = self._clock.zone, self._settings.page_numbers
        if zone != self._zone:
            self._visits.stats()  # the day may have changed
            self._totals.begin_again()
        elif page_numbers != self._page_numbers:
            self._numbers.begin_again()
        else:
            return
        self._room.send_again()
        self._zone, self._page_numbers = zone, page_numbers  # last, so that the next call repeats what has failed
