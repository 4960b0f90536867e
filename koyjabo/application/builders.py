"""Builds the services of each package from the dependencies that they share (`Base`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from koyjabo.accounts.accounts import Accounts
from koyjabo.accounts.email_links import EmailLinks
from koyjabo.accounts.login_sessions import Sessions
from koyjabo.accounts.login_throttle import LoginFailures
from koyjabo.accounts.second_factor.codes import Codes
from koyjabo.accounts.second_factor.enrolment import Enrolment
from koyjabo.accounts.second_factor.passkeys import Passkeys
from koyjabo.accounts.second_factor.pending import PendingSteps
from koyjabo.accounts.second_factor.second_step import SecondStep
from koyjabo.accounts.tokens import Tokens
from koyjabo.accounts.user_admin import Users
from koyjabo.analytics.reports import Reports
from koyjabo.analytics.timeline import History
from koyjabo.application.base import Base
from koyjabo.application.services import (
    AccountServices,
    AnalyticsServices,
    CommunityServices,
    CountingServices,
    PresenceServices,
    RealtimeServices,
    VisitLogServices,
)
from koyjabo.clock import Clock
from koyjabo.communities.communities import Communities
from koyjabo.communities.invitations import Invitations
from koyjabo.communities.live.attendance_log import AttendanceLog
from koyjabo.communities.live.community_rooms import CommunityRooms
from koyjabo.communities.live.dashboard_room import Dashboards
from koyjabo.communities.live.online_people import OnlinePeople
from koyjabo.communities.live.participant import Participants
from koyjabo.communities.live.revocation import Revocation
from koyjabo.communities.live.stats_rooms import StatsRooms
from koyjabo.communities.live.time_spent import TimeSpent
from koyjabo.communities.permissions import Permissions
from koyjabo.counting import milestone_queries
from koyjabo.counting.anonymity import Anonymity
from koyjabo.counting.ledger import Ledger, OnBatch, open_store
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.records import CounterSnapshot
from koyjabo.counting.unsaved_visits import UnsavedVisits
from koyjabo.counting.visits import Visits
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.insights.traits.parser import TraitParser
from koyjabo.mail.composer import Composer
from koyjabo.mail.link_tokens import LinkTokens
from koyjabo.mail.outbox import Outbox
from koyjabo.mail.smtp import SmtpTransport
from koyjabo.models import Scope
from koyjabo.presence.members.arrivals import ArrivalLog
from koyjabo.presence.members.peaks import Peaks
from koyjabo.presence.visitors.active_peak import ActivePeak
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets
from koyjabo.realtime import VisitorBroadcaster, visitor_broadcaster
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.realtime.milestone_news import MilestoneNews
from koyjabo.realtime.rooms import Rooms
from koyjabo.realtime.site_room import SiteRoom
from koyjabo.runtime import Runtime
from koyjabo.settings.schema import Settings
from koyjabo.visit_log.live.live_panel import LivePanel
from koyjabo.visit_log.live.pulse import Pulse
from koyjabo.visit_log.own_number.own_numbers import OwnNumbers
from koyjabo.visit_log.visit_log import VisitLog


def outbox(
    settings: Settings, runtime: Runtime, clock: Clock, database: DatabaseExecutor, tokens: LinkTokens
) -> Outbox:
    server, site, secret = settings.smtp, settings.public_url, settings.secret_key
    if server is None:
        return Outbox(database, clock, runtime, None, None, secret, settings.rate_limit_mails)
    composer = Composer(server.sender_name, server.sender, site, tokens, settings.zone)
    transport = SmtpTransport(server, urlsplit(site).hostname or "localhost", runtime)
    return Outbox(database, clock, runtime, composer, transport, secret, settings.rate_limit_mails)


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
    active_peak = ActivePeak(base.database, base.clock, base.runtime, backends.active_visitors)
    return PresenceServices(sockets, active_peak, peaks, ArrivalLog(base.clock))


def counting(
    base: Base,
    snapshot: CounterSnapshot,
    sockets: VisitorSockets,
    rooms: Rooms,
    stats_rooms: StatsRooms,
    on_batch: OnBatch,
) -> CountingServices:
    store = open_store(base.settings.database, base.clock, milestones=base.milestones)
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
    rooms.open(STATS_ROOM, SiteRoom(visits, milestone_news(base, visits.site), interval_s))
    anonymity = Anonymity(base.database, base.clock, base.settings.honour_privacy_signals, visits.knows)
    return CountingServices(visits, anonymity, UnsavedVisits(visits, base.clock), base.milestones)


def milestone_news(base: Base, live_stats: LiveStats) -> MilestoneNews:
    def find(scope: Scope, epoch: int, values: Sequence[int]) -> int | None:
        return base.database.read(milestone_queries.greatest, scope, epoch, values)

    return MilestoneNews(live_stats, base.milestones, find)


def accounts(base: Base) -> AccountServices:
    database, clock, on_revoked = base.database, base.clock, base.signals.access_revoked.send
    secret, policy, outbox = base.settings.secret_key, base.settings.require_two_factor, base.outbox
    failures, pending = LoginFailures(database, clock, secret), PendingSteps(database, clock, secret, policy)
    passwords, codes = base.passwords, Codes(database, clock, secret)
    credentials = Accounts(database, clock, passwords, on_revoked, failures.unlock, pending, outbox)
    return AccountServices(
        credentials=credentials,
        sessions=Sessions(database, clock, on_revoked),
        users=Users(database, clock, on_revoked, failures.unlock, policy),
        login_failures=failures,
        tokens=Tokens(secret),
        second_step=SecondStep(database, clock, credentials, pending, codes, on_revoked),
        second_factors=Enrolment(database, clock, pending, codes, policy, on_revoked),
        passkeys=Passkeys(database, clock, pending, codes, policy, on_revoked, needs_email=outbox.is_on),
        email_links=EmailLinks(database, clock, passwords, outbox, base.link_tokens, on_revoked, failures.unlock),
    )


def communities(
    base: Base,
    rooms: Rooms,
    visits: Visits,
    reports: Reports,
    dashboards: Dashboards,
    panel: LivePanel,
    stats_rooms: StatsRooms,
    online_people: OnlinePeople,
) -> CommunityServices:
    def attend(community_id: str, users: Collection[str], at_ms: int) -> None:
        if reports.attend(community_id, sorted(users), at_ms):
            dashboards.changed(community_id)

    database, clock, runtime, backends = base.database, base.clock, base.runtime, base.backends
    policy = base.settings.require_two_factor
    permissions, participants = Permissions(database, runtime, clock, policy), Participants()
    attendance_log, time_spent = AttendanceLog(attend, runtime, clock), TimeSpent(database, runtime, clock)
    community_rooms = CommunityRooms(
        *(rooms, backends.members, visits, dashboards, panel.current),
        *(attendance_log, time_spent, participants, permissions, clock),
        partial(milestone_news, base),
    )
    return CommunityServices(
        directory=Communities(database, clock, base.signals.access_revoked.send),
        invitations=Invitations(database, clock, base.outbox, base.link_tokens),
        permissions=permissions,
        participants=participants,
        rooms=community_rooms,
        dashboards=dashboards,
        people=online_people,
        stats_rooms=stats_rooms,
        time_spent=time_spent,
        revocation=Revocation(participants, permissions, backends.bus, runtime, clock, community_rooms.leave),
    )


def visit_log(base: Base, parser: TraitParser, panel: LivePanel, visits: Visits) -> VisitLogServices:
    return VisitLogServices(
        log=VisitLog(base.database, base.clock, parser),
        live_panel=panel,
        pulse=Pulse(base.database, base.clock, visits),
        own_numbers=OwnNumbers(base.database, base.settings.secret_key),
    )
