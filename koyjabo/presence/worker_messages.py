"""Messages between workers about people who came or left, and about visitors who were erased."""

from collections.abc import Collection
from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import newest_credible
from koyjabo.base.models import Scope
from .members.arrivals import ArrivalCounter
from .members.online_members import Online, OnlineMembers
from .members.peaks import Peaks
from .visitors.active_visitors import ActiveVisitors
from .visitors.visitor_sockets import VisitorSockets

VISITOR_FORGOTTEN = "forgotten"
"""Subject of the message about an erased visitor: [visitor_id, scopes]."""

ARRIVALS = "arrivals"
"""Subject of messages about people who came or left: {scope: [version, people online]}."""

ARRIVALS_S = 1.0
"""Interval between messages about people who came or left, s."""


class WorkerMessages:
    def __init__(self, base: Base) -> None:
        services = base.services
        self._members, self._peaks, self._arrivals = services[OnlineMembers], services[Peaks], services[ArrivalCounter]
        self._active_visitors, self._sockets = services[ActiveVisitors], services[VisitorSockets]
        self._bus = base.cluster.bus
        self._clock = base.clock

    def record_online(self, scope: Scope) -> None:
        """Record a count of online members, which may be a peak."""
        online = self._members.online(scope)
        if not online.is_estimate:
            self._peaks.record(scope, online.count)
        self._arrivals.record(scope, online)

    def publish_arrivals(self) -> None:
        """Publish the changed online counts of all communities in one message, because any worker's pages may show
        them.
        """
        arrivals = self._arrivals
        self._bus.send_changes(ARRIVALS, arrivals.take_unsent, arrivals.put_back)

    def receive_arrivals(self, subject: str, message: Any) -> None:
        """Accept online counts from another worker. Other programs may publish here as well, so malformed counts and
        impossible versions are ignored.
        """
        newest = newest_credible(self._clock, accepted=0)
        for scope, online in message.items():
            if [type(part) for part in online] == [int, int] and online[0] <= newest:
                self._arrivals.record(Scope(scope), Online(*online), is_sent=True)

    def forget(self, visitor_id: str, scopes: Collection[Scope]) -> None:
        self._sockets.forget(visitor_id)  # first, because open pages keep visitors active
        for scope in scopes:
            self._active_visitors.forget(scope, visitor_id)

    def publish_forgotten(self, visitor_id: str, scopes: Collection[Scope]) -> None:
        self._bus.send_to_workers(VISITOR_FORGOTTEN, [visitor_id, sorted(scopes)], key=visitor_id)

    def receive_forgotten(self, subject: str, message: Any) -> None:
        visitor_id, scopes = message
        self.forget(visitor_id, scopes)
