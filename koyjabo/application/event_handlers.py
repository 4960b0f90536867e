"""Who listens to which event: the handlers of all signals."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from blinker import ANY, Signal

from koyjabo.accounts.services import AccountServices
from koyjabo.communities.live.member_room import ONLINE
from koyjabo.communities.live.revocation import ACCESS_REVOKED
from koyjabo.communities.services import CommunityServices
from koyjabo.core.clock import iso
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.services import Services
from koyjabo.counting.services import CountingServices
from koyjabo.models import SITE, Scope
from koyjabo.presence.members.online_members import Online
from koyjabo.presence.services import PresenceServices
from koyjabo.realtime.events import STATS_ROOM, scope_of_visitors_room
from koyjabo.realtime.services import RealtimeServices
from koyjabo.reports.community_people import VisitorConversion
from koyjabo.reports.services import PeopleServices
from koyjabo.visit_log.services import VisitLogServices

log = logging.getLogger(__name__)

FORGOTTEN = "forgotten"
"""The name on the bus under which workers publish an erased visitor: [visitor_id, scopes]."""

HIGH_WATER = "high_water"
"""The name on the bus under which a worker asks the others for what they have acknowledged: a question."""


def connect(services: Services) -> None:
    handlers, signals = Handlers(services), services.signals
    communities, live_panel = services[CommunityServices], services[VisitLogServices].live_panel

    _on(signals.active_changed, handlers.publish_site_stats, of=SITE)
    _on(signals.online_changed, handlers.record_peak, handlers.record_arrivals, communities.room_updates.count_changed)
    _on(signals.access_revoked, communities.revocation.publish, live_panel.user_changed)
    _on(signals.members_attended, handlers.record_attendance)
    _on(signals.visitor_forgotten, handlers.forget, handlers.publish_forgotten)
    _on(signals.redis_returned, handlers.resend)
    _on(signals.epoch_began, handlers.forget_database)
    _on(signals.high_water_asked, handlers.ask_high_water)
    _on(signals.value_received, handlers.answer_high_water, of=HIGH_WATER)
    _on(signals.language_chosen, services[AccountServices].email_links.choose_language)
    _on(signals.visitor_identified, handlers.convert)
    _on(signals.visitor_converted, handlers.announce_conversion)
    _on(signals.value_received, handlers.receive_revocation, of=ACCESS_REVOKED)
    _on(signals.value_received, handlers.receive_forgotten, of=FORGOTTEN)
    _on(signals.value_received, handlers.receive_site_stats, of=STATS_ROOM)
    _on(signals.value_received, handlers.receive_arrivals, services[RealtimeServices].rooms.receive)


def _on(signal: Signal, *receivers: Callable[..., object], of: Any = ANY) -> None:
    """Call the receivers with each event, or with those of one subject."""
    for receiver in receivers:
        signal.connect(receiver, of, weak=False)


class Handlers:
    """Those that need more than one call of one service."""

    def __init__(self, services: Services) -> None:
        self._visits = services[CountingServices].visits
        self._recovery = services[CountingServices].recovery
        self._anonymity = services[CountingServices].anonymity
        self._presence = services[PresenceServices]
        self._realtime = services[RealtimeServices]
        self._communities = services[CommunityServices]
        self._people = services[PeopleServices]
        self._live_panel = services[VisitLogServices].live_panel

    def publish_site_stats(self, scope: Scope) -> None:
        self._communities.room_updates.stats_changed(self._visits.site)

    def resend(self, _: object) -> None:
        for call in self._presence.resend:
            call()

    def record_peak(self, scope: Scope) -> None:
        online = self._presence.members.online(scope)
        if not online.is_estimate:
            self._presence.peaks.record(scope, online.count)

    def record_arrivals(self, scope: Scope) -> None:
        self._presence.arrivals.record(scope, self._presence.members.online(scope))

    def record_attendance(self, community_id: str, users: Collection[str], at_ms: int) -> None:
        if self._people.reports.attend(community_id, sorted(users), at_ms):
            self._communities.dashboards.changed(community_id)

    def forget(self, visitor_id: str, scopes: Collection[Scope]) -> None:
        self._presence.visitor_sockets.forget(visitor_id)  # first: open pages keep their visitor active
        for scope in scopes:
            self._presence.active_visitors.forget(scope, visitor_id)
        self._live_panel.reload()

    def publish_forgotten(self, visitor_id: str, scopes: Collection[Scope]) -> None:
        self._realtime.bus.publish(FORGOTTEN, lambda: [visitor_id, sorted(scopes)], visitor_id)

    def forget_database(self, _: object) -> None:
        self._live_panel.reload()

    def ask_high_water(self, question: str) -> None:
        self._realtime.bus.publish(HIGH_WATER, lambda: question, question)

    def answer_high_water(self, room: str, state: Any) -> None:
        self._recovery.shared.answer(str(state))

    def convert(self, user_id: str, visitor_id: str, environ: Mapping[str, Any]) -> None:
        """Does nothing for a client that asks for privacy.

        The request itself has succeeded, so a failure here is not reported: a later request records the conversion.
        """
        if self._anonymity.is_asked(environ):
            return
        try:
            self._people.reports.convert(user_id, visitor_id)
        except LedgerUnavailable:
            log.warning("conversion_postponed")

    def announce_conversion(self, conversion: VisitorConversion) -> None:
        broadcaster, scope = self._realtime.broadcaster, conversion.scope
        fields = {"session_id": conversion.id, "converted_at": iso(conversion.at_ms)}
        broadcaster.broadcast_analytics_metric(scope, "conversion", fields)
        broadcaster.broadcast_analytics_metric(scope, "conversion_rate", conversion.rate)
        self._communities.dashboards.changed(scope)

    def receive_revocation(self, room: str, state: Any) -> None:
        self._communities.revocation.receive(state)
        self._live_panel.user_changed(str(state))

    def receive_arrivals(self, room: str, state: Any) -> None:
        """Other programs may publish here: only a count of people online is taken in."""
        scope, online = scope_of_visitors_room(room), state.get(ONLINE) if isinstance(state, dict) else None
        if scope is not None and isinstance(online, list) and [type(each) for each in online] == [int, int, bool]:
            self._presence.arrivals.record(Scope(scope), Online._make(online))

    def receive_site_stats(self, room: str, state: Any) -> None:
        self._live_panel.changed()

    def receive_forgotten(self, room: str, state: Any) -> None:
        visitor_id, scopes = state
        self.forget(visitor_id, scopes)
