"""Messages between workers about people who came or left, and about visitors who were erased."""

from collections.abc import Collection
from typing import Any

from koyjabo.base.cluster.bus import Bus
from koyjabo.base.core.clock import Clock, newest_credible
from koyjabo.base.models import Scope
from .members.online_members import Online
from .services import PresenceServices

FORGOTTEN = "forgotten"
"""Subject of the message about an erased visitor: [visitor_id, scopes]."""

ARRIVALS = "arrivals"
"""Subject of messages about people who came or left: {scope: [version, people online]}."""

ARRIVALS_S = 1.0
"""Interval between messages about people who came or left, s."""


class WorkerMessages:
    def __init__(self, presence: PresenceServices, bus: Bus, clock: Clock) -> None:
        self._presence = presence
        self._bus = bus
        self._clock = clock

    def record_online(self, scope: Scope) -> None:
        """Record a count of online members, which may be a peak."""
        online = self._presence.members.online(scope)
        if not online.is_estimate:
            self._presence.peaks.record(scope, online.count)
        self._presence.arrivals.record(scope, online)

    def publish_arrivals(self) -> None:
        """Publish the changed online counts of all communities in one message, because any worker's pages may show
        them.
        """
        arrivals = self._presence.arrivals
        self._bus.send_changes(ARRIVALS, arrivals.take_unsent, arrivals.put_back)

    def receive_arrivals(self, subject: str, message: Any) -> None:
        """Accept online counts from another worker. Other programs may publish here as well, so malformed counts and
        impossible versions are ignored.
        """
        newest = newest_credible(self._clock, accepted=0)
        for scope, online in message.items():
            if [type(part) for part in online] == [int, int] and online[0] <= newest:
                self._presence.arrivals.record(Scope(scope), Online(*online), is_sent=True)

    def forget(self, visitor_id: str, scopes: Collection[Scope]) -> None:
        self._presence.visitor_sockets.forget(visitor_id)  # first, because open pages keep visitors active
        for scope in scopes:
            self._presence.active_visitors.forget(scope, visitor_id)

    def publish_forgotten(self, visitor_id: str, scopes: Collection[Scope]) -> None:
        self._bus.send_to_workers(FORGOTTEN, [visitor_id, sorted(scopes)], key=visitor_id)

    def receive_forgotten(self, subject: str, message: Any) -> None:
        visitor_id, scopes = message
        self.forget(visitor_id, scopes)
