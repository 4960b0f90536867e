"""The services of an application by package, for handlers, commands and the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from koyjabo.accounts.accounts import Accounts
from koyjabo.accounts.email_links import EmailLinks
from koyjabo.accounts.login_sessions import Sessions
from koyjabo.accounts.login_throttle import LoginFailures
from koyjabo.accounts.second_factor.enrolment import Enrolment
from koyjabo.accounts.second_factor.passkeys import Passkeys
from koyjabo.accounts.second_factor.second_step import SecondStep
from koyjabo.accounts.tokens import Tokens
from koyjabo.accounts.user_admin import Users
from koyjabo.analytics.reports import Reports
from koyjabo.analytics.timeline import History
from koyjabo.application.lifetime import Lifetime
from koyjabo.application.signals import Signals
from koyjabo.audit.log import Audit
from koyjabo.audit.versions import VersionLog
from koyjabo.clock import Clock
from koyjabo.communities.communities import Communities
from koyjabo.communities.invitations import Invitations
from koyjabo.communities.live.community_rooms import CommunityRooms
from koyjabo.communities.live.dashboard_room import Dashboards
from koyjabo.communities.live.online_people import OnlinePeople
from koyjabo.communities.live.participant import Participants
from koyjabo.communities.live.revocation import Revocation
from koyjabo.communities.live.stats_rooms import StatsRooms
from koyjabo.communities.live.time_spent import TimeSpent
from koyjabo.communities.permissions import Permissions
from koyjabo.counting.anonymity import Anonymity
from koyjabo.counting.milestones import Milestones
from koyjabo.counting.unsaved_visits import UnsavedVisits
from koyjabo.counting.visits import Visits
from koyjabo.insights.annotations import Annotations
from koyjabo.insights.conversions import Conversions
from koyjabo.insights.events.ledger import Events
from koyjabo.insights.insights import Insights
from koyjabo.insights.projection.projection import Projection
from koyjabo.insights.site_people import SitePeople
from koyjabo.mail.outbox import Outbox
from koyjabo.maintenance.erasure import Erasure
from koyjabo.maintenance.health.health import Health
from koyjabo.maintenance.health.readiness import Readiness
from koyjabo.maintenance.health.system import System
from koyjabo.maintenance.jobs import Jobs
from koyjabo.maintenance.nightly import Nightly
from koyjabo.maintenance.recount_job import Recounts
from koyjabo.maintenance.retention import Retention
from koyjabo.maintenance.total import TotalAdjuster
from koyjabo.network.geolocation import PlaceFinder
from koyjabo.network.origins import Origins
from koyjabo.observability.metrics import Metrics
from koyjabo.observability.socket_log import SocketLog
from koyjabo.own_account.deletion import AccountDeletion
from koyjabo.own_account.export import AccountExport
from koyjabo.own_account.profile import Profile
from koyjabo.presence.members.arrivals import ArrivalLog
from koyjabo.presence.members.peaks import Peaks
from koyjabo.presence.visitors.active_peak import ActivePeak
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets
from koyjabo.realtime import VisitorBroadcaster
from koyjabo.realtime.fanout import LocalFanout
from koyjabo.realtime.rooms import Rooms
from koyjabo.settings.catalogue import Setting
from koyjabo.sharing.shares import Shares
from koyjabo.visit_log.live.live_panel import LivePanel
from koyjabo.visit_log.live.pulse import Pulse
from koyjabo.visit_log.own_number.own_numbers import OwnNumbers
from koyjabo.visit_log.visit_log import VisitLog
from koyjabo.weekly_report.weekly_report import WeeklyReport

if TYPE_CHECKING:
    from flask import Flask

EXTENSION = "koyjabo"


@dataclass(frozen=True, slots=True)
class NetworkServices:
    places: PlaceFinder
    origins: Origins


@dataclass(frozen=True, slots=True)
class CountingServices:
    visits: Visits
    anonymity: Anonymity
    unsaved: UnsavedVisits
    milestones: Milestones


@dataclass(frozen=True, slots=True)
class PresenceServices:
    visitor_sockets: VisitorSockets
    active_peak: ActivePeak
    peaks: Peaks
    arrivals: ArrivalLog


@dataclass(frozen=True, slots=True)
class RealtimeServices:
    fanout: LocalFanout
    rooms: Rooms
    broadcaster: VisitorBroadcaster


@dataclass(frozen=True, slots=True)
class AccountServices:
    credentials: Accounts
    sessions: Sessions
    users: Users
    login_failures: LoginFailures
    tokens: Tokens
    second_step: SecondStep
    second_factors: Enrolment
    passkeys: Passkeys
    email_links: EmailLinks


@dataclass(frozen=True, slots=True)
class OwnAccountServices:
    profile: Profile
    export: AccountExport
    deletion: AccountDeletion


@dataclass(frozen=True, slots=True)
class AnalyticsServices:
    reports: Reports
    timeline: History


@dataclass(frozen=True, slots=True)
class InsightsServices:
    reports: Insights
    shared_reports: Insights  # for readers of share links
    events: Events
    annotations: Annotations
    conversions: Conversions
    site_people: SitePeople
    projection: Projection


@dataclass(frozen=True, slots=True)
class CommunityServices:
    directory: Communities
    invitations: Invitations
    permissions: Permissions
    participants: Participants
    rooms: CommunityRooms
    dashboards: Dashboards
    people: OnlinePeople
    stats_rooms: StatsRooms
    time_spent: TimeSpent
    revocation: Revocation


@dataclass(frozen=True, slots=True)
class VisitLogServices:
    log: VisitLog
    live_panel: LivePanel
    pulse: Pulse
    own_numbers: OwnNumbers


@dataclass(frozen=True, slots=True)
class MaintenanceServices:
    total: TotalAdjuster
    retention: Retention
    nightly: Nightly
    weekly_report: WeeklyReport
    erasure: Erasure
    recounts: Recounts
    jobs: Jobs
    system: System
    readiness: Readiness
    health: Health
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class ObservabilityServices:
    metrics: Metrics
    socket_log: SocketLog
    lag_s: Callable[[], float]  # the last measured lag of the event loop
    redis_answers: Callable[[], bool] | None  # whether Redis answered the last call; None without Redis


@dataclass(frozen=True, slots=True)
class Services:
    clock: Clock
    signals: Signals
    lifetime: Lifetime
    network: NetworkServices
    counting: CountingServices
    presence: PresenceServices
    realtime: RealtimeServices
    mail: Outbox
    accounts: AccountServices
    own_account: OwnAccountServices
    audit: Audit
    versions: VersionLog
    analytics: AnalyticsServices
    insights: InsightsServices
    communities: CommunityServices
    shares: Shares
    visit_log: VisitLogServices
    maintenance: MaintenanceServices
    observability: ObservabilityServices

    @staticmethod
    def of(app: Flask) -> Services:
        services: Services = app.extensions[EXTENSION]
        return services

    def start(self) -> None:
        """Start the periodic work. Idempotent."""
        self.lifetime.start()

    def close(self) -> None:
        """Commit pending writes and close the database. Idempotent."""
        self.lifetime.close()
