"""The handlers for all signals."""

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from blinker import ANY, Signal

from koyjabo.base.core.clock import iso
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.services import Services
from koyjabo.base.models import SITE, Scope
from koyjabo.base.settings.schema import Settings
from koyjabo.communities.live.messages import ENDED, MESSAGES
from koyjabo.communities.live.participant import ACCESS_REVOKED
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.evidence.attendance import AttendanceWriter
from koyjabo.counting.live_stats import newest_credible
from koyjabo.counting.services import CountingServices
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.audit.log import VersionLog
from koyjabo.presence.members.online_members import Online
from koyjabo.presence.services import PresenceServices
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.realtime.services import RealtimeServices
from koyjabo.reports.community_people import VisitorConversion
from koyjabo.reports.services import PeopleServices, ReportServices, own_hosts
from koyjabo.site.getting_started.getting_started import GettingStarted
from koyjabo.upkeep.retention.retention import Nightly
from koyjabo.web.login.page_login import RememberedLogins

log = logging.getLogger(__name__)

FORGOTTEN = "forgotten"
"""Subject of the message about an erased visitor: [visitor_id, scopes]."""

ARRIVALS = "arrivals"
"""Subject of messages about people who came or left: {scope: [version, people online]}."""

ARRIVALS_S = 1.0

FIRST_PAGE = "first_page"
"""Subject of the message that the first page on another host is stored. If it is lost, Overview shows the page when it
is opened or connects again.
"""

HIGH_WATER = "high_water"
"""Subject of the message that asks other workers for their high-water marks."""


def connect(services: Services) -> None:
    handlers, signals, unwritten = Handlers(services), services.signals, services[AttendanceWriter].unwritten
    communities = services[CommunityServices]

    _on(signals.active_changed, handlers.publish_site_stats, of=SITE)
    _on(signals.online_changed, handlers.record_peak, handlers.record_arrivals, communities.room_updates.count_changed)
    _on(signals.access_revoked, communities.refs.forget, communities.revocation.publish, handlers.forget_logins)
    _on(signals.members_attended, handlers.record_attendance)
    _on(signals.visitor_forgotten, handlers.forget, handlers.publish_forgotten)
    _on(signals.redis_returned, handlers.resend)
    _on(signals.epoch_began, handlers.forget_database)
    _on(signals.high_water_asked, handlers.ask_high_water)
    _on(signals.message_received, handlers.answer_high_water, of=HIGH_WATER)
    _on(signals.language_chosen, services[AccountServices].email_links.choose)
    _on(signals.visitor_identified, handlers.convert)
    _on(signals.visitor_converted, handlers.announce_conversion)
    _on(signals.message_received, handlers.receive_revocation, of=ACCESS_REVOKED)
    _on(signals.message_received, handlers.receive_forgotten, of=FORGOTTEN)
    _on(signals.message_received, communities.messages.receive, of=MESSAGES)
    _on(signals.message_received, communities.messages.receive_end, of=ENDED)
    _on(signals.message_received, handlers.receive_arrivals, of=ARRIVALS)
    _on(signals.message_received, unwritten.answer, of=unwritten.ASKED)
    _on(signals.message_received, unwritten.receive, of=unwritten.ANSWERED)
    _on(signals.value_received, handlers.receive_site_stats, of=STATS_ROOM)
    _on(signals.value_received, services[RealtimeServices].rooms.receive)
    _on(signals.room_heard, communities.room_updates.catch_up)
    _on(signals.message_received, handlers.receive_first_page, of=FIRST_PAGE)
    _on(signals.first_page_stored, handlers.publish_first_page)
    _on(signals.settings_changed, handlers.follow_settings)
    services.lifetime.every(ARRIVALS_S, handlers.publish_arrivals)


def _on(signal: Signal, *receivers: Callable[..., object], of: Any = ANY) -> None:
    """Connect receivers to a signal, for all events or only for events with the subject `of`."""
    for receiver in receivers:
        signal.connect(receiver, of, weak=False)


class Handlers:
    """Handlers that call several services."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._clock = services.clock
        self._zone = services.clock.zone
        self._page_numbers = services[Settings].page_numbers
        self._logins = services[RememberedLogins]
        self._visits = services[CountingServices].visits
        self._recovery = services[CountingServices].recovery
        self._anonymity = services[CountingServices].anonymity
        self._presence = services[PresenceServices]
        self._attendance = services[AttendanceWriter]
        self._realtime = services[RealtimeServices]
        self._communities = services[CommunityServices]
        self._people = services[PeopleServices]
        self._at_epoch: tuple[Callable[[], None], ...] = (
            self._anonymity.forget_secrets,
            services[GettingStarted].listen,
            self._visits.texts.clear,
            self._presence.peaks.write_again,
            self._presence.active_peak.write_again,
            self._communities.revocation.recheck_soon,
            self._communities.refs.forget_all,
            services[ReportServices].weekly_report.forget,
            services[Nightly].forget,
            services[VersionLog].forget,
        )

    def follow_settings(self, _: object) -> None:
        """Change what was derived from the settings. Everything else reads them when it uses them."""
        reports, pages, settings = self._services[ReportServices], self._realtime.pages, self._services[Settings]
        zone, page_numbers = self._clock.zone, settings.page_numbers
        if reports.parser.follow(own_hosts(settings)) or zone != self._zone:
            reports.storing.begin_again()
        self._services[AccountServices].second_factors.end_sessions_without()
        self._visits.stats()  # the day may have changed with the time zone
        if zone != self._zone:
            reports.page_totals.begin_again()
        elif page_numbers != self._page_numbers:
            pages.source.numbers.begin_again()
        else:
            return
        pages.send_again()
        self._zone, self._page_numbers = zone, page_numbers  # last, so that the next call repeats what has failed

    def publish_site_stats(self, scope: Scope) -> None:
        self._communities.room_updates.stats_changed(self._visits.site)

    def resend(self, _: object) -> None:
        self._recovery.shared.renew_all()
        for call in self._presence.resend:
            call()

    def forget_database(self, _: object) -> None:
        """Drop cached database content that is not tied to the epoch, and rewrite the values that only this worker has
        measured. Does not wait.
        """
        for call in self._at_epoch:
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
        self._attendance.forget(visitor_id)
        self._presence.visitor_sockets.forget(visitor_id)  # first, because open pages keep visitors active
        for scope in scopes:
            self._presence.active_visitors.forget(scope, visitor_id)

    def publish_forgotten(self, visitor_id: str, scopes: Collection[Scope]) -> None:
        self._realtime.bus.send_to_workers(FORGOTTEN, [visitor_id, sorted(scopes)], key=visitor_id)

    def ask_high_water(self, question: str) -> None:
        self._realtime.bus.send_to_workers(HIGH_WATER, question)

    def answer_high_water(self, subject: str, message: Any) -> None:
        self._recovery.shared.reply(str(message))

    def convert(self, user_id: str, visitor_id: str, environ: Mapping[str, Any]) -> None:
        """Record a conversion, unless the client asks for privacy. Failures are only logged, because the request itself
        has succeeded; a later request records the conversion.
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

    def forget_logins(self, whose: object) -> None:
        self._logins.clear()

    def receive_revocation(self, subject: str, message: Any) -> None:
        self._communities.refs.forget(str(message))
        self._communities.revocation.receive(message)

    def publish_arrivals(self) -> None:
        """Publish the changed online counts of all communities in one message, because any worker's pages may show
        them.
        """
        arrivals = self._presence.arrivals
        self._realtime.bus.send_changes(ARRIVALS, arrivals.take_unsent, arrivals.put_back)

    def receive_arrivals(self, subject: str, message: Any) -> None:
        """Accept online counts from another worker. Other programs may publish here as well, so malformed counts and
        impossible versions are ignored.
        """
        newest = newest_credible(self._clock, accepted=0)
        for scope, online in message.items():
            if [type(part) for part in online] == [int, int] and online[0] <= newest:
                self._presence.arrivals.record(Scope(scope), Online(*online), is_sent=True)

    def receive_site_stats(self, room: str, state: Any) -> None:
        self._realtime.rooms.refresh_panel()

    def publish_first_page(self, _: object) -> None:
        """Make the panels of all workers start over, so that an open Overview requests the page."""
        self._realtime.reload_panel()
        self._realtime.bus.send_to_workers(FIRST_PAGE, None)

    def receive_first_page(self, subject: str, message: Any) -> None:
        self._realtime.reload_panel()

    def receive_forgotten(self, subject: str, message: Any) -> None:
        visitor_id, scopes = message
        self.forget(visitor_id, scopes)
