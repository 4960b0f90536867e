"""Begins again what was derived from settings that have changed."""

from koyjabo.base.cluster.base import Base
from koyjabo.counting.visits import Visits
from koyjabo.realtime.services import RealtimeServices
from .services import ReportServices


class ReportSettingsFollower:
    def __init__(self, base: Base, reports: ReportServices) -> None:
        self._clock, self._reports = base.clock, reports
        self._visits = base.services[Visits]
        self._pages = base.services[RealtimeServices].pages
        self._zone = base.clock.zone

    def follow(self, _: object) -> None:
        """Follow the time zone. Everything else reads the settings when it uses them."""
        zone = self._clock.zone
        if zone != self._zone:
            self._visits.stats()  # the day may have changed
            self._reports.page_totals.begin_again()
            self._pages.send_again()
            self._zone = zone  # last, so that the next call repeats what has failed
