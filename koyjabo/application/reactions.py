"""Handlers of signals that need more than one call of one service."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from koyjabo.analytics.reports import Conversion
from koyjabo.application.backends import Backends
from koyjabo.application.services import Services
from koyjabo.clock import iso
from koyjabo.communities.live.member_room import ONLINE
from koyjabo.models import Scope
from koyjabo.presence.members.online_members import Online
from koyjabo.realtime.events import scope_of_visitors_room

FORGOTTEN = "forgotten"
"""The name on the bus under which workers publish an erased visitor: [visitor_id, scopes]."""


class Reactions:
    def __init__(self, services: Services, backends: Backends) -> None:
        self._services = services
        self._backends = backends

    def publish_site_stats(self, scope: Scope) -> None:
        self._services.communities.stats_rooms.changed(self._services.counting.visits.site)

    def record_peak(self, scope: Scope) -> None:
        online = self._backends.members.online(scope)
        if not online.is_estimate:
            self._services.presence.peaks.record(scope, online.count)

    def record_arrivals(self, scope: Scope) -> None:
        self._services.presence.arrivals.record(scope, self._backends.members.online(scope))

    def forget(self, visitor_id: str, scopes: Collection[Scope]) -> None:
        self._services.presence.visitor_sockets.forget(visitor_id)  # first: open pages keep their visitor active
        for scope in scopes:
            self._backends.active_visitors.forget(scope, visitor_id)
        self._services.visit_log.live_panel.reload()

    def publish_forgotten(self, visitor_id: str, scopes: Collection[Scope]) -> None:
        self._backends.bus.publish(FORGOTTEN, lambda: [visitor_id, sorted(scopes)], visitor_id)

    def announce_conversion(self, conversion: Conversion) -> None:
        broadcaster, scope = self._services.realtime.broadcaster, conversion.scope
        fields = {"session_id": conversion.id, "converted_at": iso(conversion.at_ms)}
        broadcaster.broadcast_analytics_metric(scope, "conversion", fields)
        broadcaster.broadcast_analytics_metric(scope, "conversion_rate", conversion.rate)
        self._services.communities.dashboards.changed(scope)

    def receive_revocation(self, room: str, state: Any) -> None:
        self._services.communities.revocation.receive(state)
        self._services.visit_log.live_panel.user_changed(str(state))

    def receive_arrivals(self, room: str, state: Any) -> None:
        """Other programs may publish here: only a count of people online is taken in."""
        scope, found = scope_of_visitors_room(room), state.get(ONLINE) if isinstance(state, dict) else None
        if scope is not None and isinstance(found, list) and [type(each) for each in found] == [int, int, bool]:
            self._services.presence.arrivals.record(Scope(scope), Online._make(found))

    def receive_site_stats(self, room: str, state: Any) -> None:
        self._services.visit_log.live_panel.changed()

    def receive_forgotten(self, room: str, state: Any) -> None:
        visitor_id, scopes = state
        self.forget(visitor_id, scopes)
