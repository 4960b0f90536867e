"""Builds the services of each package from the dependencies that they share (`Base`)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from koyjabo.accounts.accounts import Accounts
from koyjabo.accounts.email_links import EmailLinks
from koyjabo.accounts.login_sessions import Sessions
from koyjabo.accounts.login_throttle import LoginFailures
from koyjabo.accounts.passwords import Passwords
from koyjabo.accounts.second_factor.codes import Codes
from koyjabo.accounts.second_factor.enrolment import Enrolment
from koyjabo.accounts.second_factor.passkeys import Passkeys
from koyjabo.accounts.second_factor.pending import PendingSteps
from koyjabo.accounts.second_factor.second_step import SecondStep
from koyjabo.accounts.tokens import Tokens
from koyjabo.accounts.user_admin import Users
from koyjabo.analytics.reports import Reports, Visitors
from koyjabo.analytics.timeline import History
from koyjabo.application.backends import Backends
from koyjabo.application.services import (
    AccountServices,
    AnalyticsServices,
    CommunityServices,
    CountingServices,
    MaintenanceServices,
    PresenceServices,
    RealtimeServices,
)
from koyjabo.application.signals import Signals
from koyjabo.clock import Clock
from koyjabo.communities.communities import Communities
from koyjabo.communities.invitations import Invitations
from koyjabo.communities.live.attendance_log import AttendanceLog
from koyjabo.communities.live.community_rooms import CommunityRooms
from koyjabo.communities.live.dashboard_room import Dashboards
from koyjabo.communities.live.participant import Participants
from koyjabo.communities.live.revocation import Revocation
from koyjabo.communities.live.stats_rooms import StatsRooms
from koyjabo.communities.permissions import Permissions
from koyjabo.counting.anonymity import Anonymity
from koyjabo.counting.ledger import Ledger, OnBatch, open_store
from koyjabo.counting.records import CounterSnapshot
from koyjabo.counting.visits import Visits
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.mail.composer import Composer
from koyjabo.mail.link_tokens import LinkTokens
from koyjabo.mail.outbox import Outbox
from koyjabo.mail.smtp import SmtpTransport
from koyjabo.maintenance.erasure import Erasure
from koyjabo.maintenance.nightly import Nightly
from koyjabo.maintenance.recount_job import Recounts
from koyjabo.maintenance.retention import Retention
from koyjabo.maintenance.system_status import SETTINGS, Storage, System
from koyjabo.maintenance.total import TotalAdjuster
from koyjabo.models import Scope
from koyjabo.presence.members.peaks import Peaks
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets
from koyjabo.realtime import VisitorBroadcaster, socket_counts, visitor_broadcaster
from koyjabo.realtime.events import STATS_ROOM, VisitorUpdate
from koyjabo.realtime.room import LatestValue
from koyjabo.realtime.rooms import Rooms
from koyjabo.runtime import Runtime
from koyjabo.settings.database_url import is_ephemeral
from koyjabo.settings.schema import Settings
from koyjabo.weekly_report.weekly_report import WeeklyReport


@dataclass(frozen=True, slots=True)
class Base:
    settings: Settings
    clock: Clock
    runtime: Runtime
    database: DatabaseExecutor
    signals: Signals
    backends: Backends
    outbox: Outbox
    link_tokens: LinkTokens


def outbox(
    settings: Settings, runtime: Runtime, clock: Clock, database: DatabaseExecutor, tokens: LinkTokens
) -> Outbox:
    server, site, secret = settings.smtp, settings.public_url, settings.secret_key
    if server is None:
        return Outbox(database, clock, runtime, None, None, secret)
    composer = Composer(server.sender_name, server.sender, site, tokens, settings.zone)
    transport = SmtpTransport(server, urlsplit(site).hostname or "localhost", runtime)
    return Outbox(database, clock, runtime, composer, transport, secret)


def realtime(base: Base) -> RealtimeServices:
    fanout, broadcaster = base.backends.fanout, VisitorBroadcaster()

    def emit(event: str, data: dict[str, Any], room: str) -> None:
        fanout.emit(event, data, room=room)

    for each in (broadcaster, visitor_broadcaster):  # the second is global, for host programs
        each.bind(emit)
    return RealtimeServices(fanout, Rooms(fanout, base.runtime, base.backends.bus), broadcaster)


def analytics(base: Base) -> AnalyticsServices:
    reports = Reports(base.database, base.clock, base.signals.visitor_converted.send)
    return AnalyticsServices(reports, History(base.database, base.clock))


def presence(base: Base) -> PresenceServices:
    settings, backends = base.settings, base.backends
    sockets = VisitorSockets(
        backends.active_visitors,
        base.clock,
        settings.active_window_seconds,
        settings.secret_key,
        backends.matcher,
        settings.rate_limit_tabs,
    )
    peaks = Peaks(base.database, base.clock, base.runtime, lambda scope: backends.members.online(scope).count)
    return PresenceServices(sockets, peaks)


def dashboards(base: Base, rooms: Rooms, reports: Reports) -> Dashboards:
    def values(community_id: str) -> dict[str, Any]:
        return {
            "today_visitors": people(reports.today(community_id)),
            "realtime_count": base.backends.members.online(Scope(community_id)).count,
            "community_id": community_id,
        }

    return Dashboards(rooms, values, base.backends.leader, base.clock)


def people(found: Visitors) -> dict[str, int]:
    """The fields of a report as dashboards and the tracker send them."""
    return {
        "authenticated_visitors": found.people.authenticated,
        "anonymous_visitors": found.people.anonymous,
        "total_unique_visitors": sum(found.people),
    }


def counting(
    base: Base,
    snapshot: CounterSnapshot,
    sockets: VisitorSockets,
    rooms: Rooms,
    stats_rooms: StatsRooms,
    on_batch: OnBatch,
) -> CountingServices:
    store = open_store(base.settings.database, base.clock)
    visits = Visits(
        partial(Ledger, store, base.runtime, on_batch),
        base.backends.active_visitors,
        base.clock,
        snapshot,
        ignores_bots=base.settings.bot_policy == "ignore",
        on_change=stats_rooms.changed,
        on_visit=sockets.visited,
    )
    interval_s = base.settings.update_interval_ms / 1000
    rooms.open(STATS_ROOM, LatestValue(lambda: VisitorUpdate(visits.newest()), visits.site.merge, interval_s))
    anonymity = Anonymity(base.database, base.clock, base.settings.honour_privacy_signals, visits.knows)
    return CountingServices(visits, anonymity)


def accounts(base: Base) -> AccountServices:
    database, clock, on_revoked = base.database, base.clock, base.signals.access_revoked.send
    secret, policy, outbox = base.settings.secret_key, base.settings.require_two_factor, base.outbox
    failures, pending = LoginFailures(database, clock, secret), PendingSteps(database, clock, secret, policy)
    passwords, codes = Passwords(base.runtime), Codes(database, clock, secret)
    credentials = Accounts(database, clock, passwords, on_revoked, failures.unlock, pending, outbox)
    return AccountServices(
        credentials=credentials,
        sessions=Sessions(database, clock, on_revoked),
        users=Users(database, clock, on_revoked, failures.unlock, policy),
        login_failures=failures,
        tokens=Tokens(secret),
        second_step=SecondStep(database, clock, credentials, pending, codes, on_revoked),
        second_factors=Enrolment(database, clock, pending, codes, policy, on_revoked),
        passkeys=Passkeys(database, clock, pending, codes, policy, on_revoked),
        email_links=EmailLinks(database, clock, passwords, outbox, base.link_tokens, on_revoked, failures.unlock),
    )


def communities(
    base: Base, rooms: Rooms, visits: Visits, reports: Reports, dashboards: Dashboards, stats_rooms: StatsRooms
) -> CommunityServices:
    def attend(community_id: str, users: Collection[str], at_ms: int) -> None:
        if reports.attend(community_id, sorted(users), at_ms):
            dashboards.changed(community_id)

    database, clock, runtime, backends = base.database, base.clock, base.runtime, base.backends
    permissions, participants = Permissions(database, runtime, clock), Participants()
    attendance_log = AttendanceLog(attend, runtime, clock)
    community_rooms = CommunityRooms(
        rooms, backends.members, visits, dashboards, attendance_log, participants, permissions, clock
    )
    return CommunityServices(
        directory=Communities(database, clock, base.signals.access_revoked.send),
        invitations=Invitations(database, clock, base.outbox, base.link_tokens),
        permissions=permissions,
        participants=participants,
        rooms=community_rooms,
        dashboards=dashboards,
        stats_rooms=stats_rooms,
        revocation=Revocation(participants, permissions, backends.bus, runtime, clock, community_rooms.leave),
    )


def maintenance(base: Base) -> MaintenanceServices:
    def forgotten(visitor_id: str, scopes: Collection[Scope]) -> None:
        base.signals.visitor_forgotten.send(visitor_id, scopes=scopes)

    database, clock, backends = base.database, base.clock, base.backends
    retention = Retention(database, clock, base.settings.retention_days)
    recounts = Recounts(database, clock, base.runtime, backends.workers, lambda: system.report())
    system = _system(base, recounts)
    return MaintenanceServices(
        total=TotalAdjuster(database, clock),
        retention=retention,
        nightly=Nightly(database, clock, base.runtime, retention),
        weekly_report=WeeklyReport(database, clock, base.runtime, base.outbox),
        erasure=Erasure(database, clock, forgotten, backends.drain),
        recounts=recounts,
        system=system,
    )


def _system(base: Base, recounts: Recounts) -> System:
    """`config` refuses ephemeral storage unless the setting allows it, so both conditions are needed here."""
    settings, backends = base.settings, base.backends
    kind = "SQLite" if settings.database.get_backend_name() == "sqlite" else "PostgreSQL"
    return System(
        base.database,
        base.clock,
        backends.workers,
        recounts,
        sockets=lambda: socket_counts.sockets(backends.fanout),
        storage=Storage(kind, not (settings.allow_ephemeral_storage and is_ephemeral(settings.database_url))),
        has_redis=backends.redis_answers is not None,
        settings={name: getattr(settings, name.lower()) for name in SETTINGS},
    )
