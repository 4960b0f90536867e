"""The services that this package offers to others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from koyjabo.base.cluster.base import Base
from koyjabo.columns.dimensions.trait_parser import TraitParser
from koyjabo.counting.evidence.attendance_writer import AttendanceWriter
from . import attended_time_queries
from .attended_times import LiveTime, times_of
from .visit_list import VisitList

MAX_LIVE_TIMES = 50
"""Number of latest visits whose attended time is shown up to this moment."""


@dataclass(frozen=True, slots=True)
class VisitListServices:
    visits: VisitList
    live_times: Callable[[], Mapping[str, LiveTime]]
    """Returns the attended times of the latest visits, by visit id. Raises LedgerUnavailable."""


def build(base: Base) -> VisitListServices:
    services = base.services

    def live_times() -> Mapping[str, LiveTime]:
        return times_of(base.database.read(attended_time_queries.newest, MAX_LIVE_TIMES), services[AttendanceWriter])

    visits = VisitList(base.database, base.clock, services[TraitParser])
    return VisitListServices(visits, live_times)
