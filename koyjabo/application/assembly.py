"""Opens an application: migrates its database, builds all features in order, connects them by signals, schedules their
periodic work, and creates the first admin.
"""

from collections import Counter
from functools import partial

from flask import Flask

from koyjabo.base.cluster.base import Base, open_cluster
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.extensions import db
from koyjabo.base.core.installation import VERSION
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.core.services import Lifetime, Services
from koyjabo.base.core.signals import Signals
from koyjabo.base.database import engine
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.jobs.running_jobs import RunningJobs
from koyjabo.base.network.address_owners import AddressOwners
from koyjabo.base.network.geolocation import LocationFinder
from koyjabo.base.network.origins import Origins
from koyjabo.base.network.services import NetworkServices
from koyjabo.base.observability import logs, metrics, services as observability
from koyjabo.base.observability.metrics import OTHER
from koyjabo.base.observability.services import ObservabilityServices
from koyjabo.base.settings.schema import Settings
from koyjabo.columns.blocks import block_queries
from koyjabo.columns.sums import storing
from koyjabo.communities import refs, services as communities
from koyjabo.communities.live.dashboard_room import ReportRooms
from koyjabo.communities.services import CommunityServices
from koyjabo.counting import opening_queries, services as counting
from koyjabo.counting.clock_watch import ClockWatch
from koyjabo.counting.evidence import attendance
from koyjabo.counting.evidence.attendance import AttendanceWriter
from koyjabo.counting.hours_of_day import DaysByHour
from koyjabo.counting.page_numbers.page_numbers import PageNumbers
from koyjabo.counting.records import CounterSnapshot
from koyjabo.counting.services import CountingServices
from koyjabo.integrations.api_keys import api_keys
from koyjabo.integrations.api_keys.api_keys import ApiKeys
from koyjabo.integrations.trusted_tokens import external_logins as trusted_tokens
from koyjabo.people.accounts import services as accounts
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.accounts.users.accounts import Accounts
from koyjabo.people.audit.log import Audit, VersionLog
from koyjabo.people.mail import outbox
from koyjabo.people.mail.outbox import PLACEHOLDER, MailOutbox
from koyjabo.presence import services as presence
from koyjabo.presence.members.tracker import TrackerServices, bind
from koyjabo.presence.services import PresenceServices
from koyjabo.presence.visitors import active_peak
from koyjabo.realtime import services as realtime
from koyjabo.realtime.events import PAGES_ROOM, STATS_ROOM
from koyjabo.realtime.fanout import socket_counts
from koyjabo.realtime.services import RealtimeServices
from koyjabo.reports import services as reports
from koyjabo.reports.services import PeopleServices, ReportServices
from koyjabo.reports.ui.live_views import LiveViews
from koyjabo.reports.visits import services as visits
from koyjabo.site.getting_started.getting_started import GettingStarted
from koyjabo.site.receipts.receipts import Receipts
from koyjabo.upkeep.backups import backups
from koyjabo.upkeep.backups.backups import Backups
from koyjabo.upkeep.health.health import Health
from koyjabo.upkeep.health.readiness import Readiness
from koyjabo.upkeep.personal_data.personal_data import PersonalData
from koyjabo.upkeep.recounts import recounts
from koyjabo.upkeep.recounts.recounts import Recounts, TotalAdjuster
from koyjabo.upkeep.retention import retention
from koyjabo.upkeep.retention.erasure import Erasure
from koyjabo.upkeep.retention.retention import Nightly, Retention
from koyjabo.upkeep.stored_settings import stored_settings
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings
from koyjabo.web.current import EXTENSION
from koyjabo.web.login.page_login import RememberedLogins
from koyjabo.web.login.tokens import Tokens
from . import event_handlers
from .tables import load_tables

MAX_COMMUNITIES = 50


def values_of(base: Base) -> metrics.Values:
    services, redis_responds = base.services, base.cluster.redis_responds
    visits, reports = services[CountingServices].visits, services[ReportServices]
    writer, disk = visits.writer(), reports.events.space.disk()
    redis = {} if redis_responds is None else {metrics.REDIS.name: {"": float(redis_responds)}}
    return {
        metrics.WORKERS.name: {"": 1},
        metrics.CONNECTIONS.name: socket_counts(services[RealtimeServices].fanout),
        metrics.ACTIVE.name: {"": visits.newest().active},
        metrics.COMMUNITIES.name: _largest(services[CommunityServices].participants.counts()),
        metrics.WAITING.name: {"": writer.waiting},
        metrics.OLDEST.name: {"": writer.oldest_s},
        metrics.UNPROJECTED.name: {"": reports.storing.last_behind},
        metrics.LAG.name: {"": services[ObservabilityServices].lag_s()},
        metrics.DATABASE.name: {"": float(not visits.newest().stale)},
        **({metrics.FREE.name: {"": disk.free}} if disk else {}),
        **redis,
        **_of_backups(services[Backups]),
        metrics.BUILD.name: {metrics.build(): 1},
    }


def _largest(counts: Counter[str]) -> dict[str, int]:
    largest = dict(counts.most_common(MAX_COMMUNITIES))
    rest = counts.total() - sum(largest.values())
    return {**largest, OTHER: rest} if rest else largest


def _of_backups(backups: Backups) -> dict[str, dict[str, float]]:
    newest = backups.newest
    values = {
        metrics.BACKUP: newest and newest.made_ms / 1000,
        metrics.BACKUP_BYTES: newest and newest.bytes,
        metrics.BACKUP_FAILURES: backups.failures,
    }
    return {gauge.name: {"": value} for gauge, value in values.items() if value is not None}


TICK_S, MINUTE_S = 1.0, 60.0


def assemble(settings: Settings, runtime: Runtime, clock: Clock, snapshot: CounterSnapshot) -> Services:
    """Build the application's services. `snapshot` has the site's current numbers. Needs an application context. Raises
    LedgerUnavailable.
    """
    services = Services(clock, Signals(), Lifetime(runtime))
    cluster = open_cluster(settings, runtime, services.signals)
    base = Base(settings, clock, runtime, DatabaseExecutor(settings.database, runtime), cluster, services)
    _build(base, snapshot)
    event_handlers.connect(services)
    _tick(base)
    _close_in_order(services, base)
    _bind_tracker(services)
    return services


def _build(base: Base, snapshot: CounterSnapshot) -> None:
    """Build the features in order. A feature finds earlier ones in `base.services`."""
    settings, services = base.settings, base.services
    add = services.add
    add(settings)
    add(StoredSettings(base))
    owners = AddressOwners(settings.asn_files, lambda: settings.own_networks)
    origins = Origins(lambda: settings.origins, lambda: settings.public_url)
    add(NetworkServices(LocationFinder(settings.geoip_files), owners, origins))
    add(observability.build(base, TICK_S, lambda: values_of(base), partial(_caused_by_visits, services)))
    add(Audit(base.database))
    add(VersionLog(base.database, base.clock, VERSION))
    add(Tokens(settings.secret_key))
    add(RememberedLogins(base.clock))
    add(outbox.build(base))
    add(accounts.build(base))
    add(presence.build(base))
    add(counting.build(base, snapshot))
    add(PageNumbers(base))
    add(attendance.build(base))
    add(realtime.build(base))
    add(communities.build(base))
    trusted_tokens.build(base)
    add(api_keys.build(base))
    add(reports.build(base))
    add(reports.build_people(base))
    add(LiveViews(services))
    add(visits.build(base))
    add(_report_rooms(services))
    add(PersonalData(base))
    _build_upkeep(base)
    add(Receipts(base))
    add(GettingStarted(base))
    add(DaysByHour(base.database, base.clock))


def _caused_by_visits(services: Services, room: str) -> bool:
    return services[RealtimeServices].rooms.caused_by_visits(room)


def _report_rooms(services: Services) -> ReportRooms:
    dashboards = services[PeopleServices].dashboards
    return ReportRooms(services[LiveViews].view, dashboards.read, dashboards.own)


def _build_upkeep(base: Base) -> None:
    """Build the features that maintain and back up stored visits, and check the server's health."""
    services, add = base.services, base.services.add
    add(RunningJobs(base.clock))
    add(TotalAdjuster(base.database, base.clock))
    add(Recounts(base, lambda: services[Health].report()))
    add(Retention(base))
    add(Nightly(base.database, base.clock, base.runtime, services[Retention]))
    add(Erasure(base))
    add(Backups(base))
    add(Readiness(base))
    add(Health(base))


def _tick(base: Base) -> None:
    """Schedule the periodic work. Calls on one line run one after another, so leases and database work are on separate
    lines.
    """
    services, window_s = base.services, base.settings.active_window_seconds
    counting, presence = services[CountingServices], services[PresenceServices]
    communities, mails = services[CommunityServices], services[MailOutbox]
    visits, repeat = counting.visits, services.lifetime.every
    rooms = services[RealtimeServices].rooms
    refresh = partial(rooms.refresh, STATS_ROOM), rooms.refresh_panel
    repeat(min(TICK_S, window_s / 4), visits.stats, *refresh)
    repeat(min(TICK_S, window_s / 4), presence.active_visitors.refresh, presence.visitor_sockets.renew, *refresh)
    repeat(TICK_S, rooms.leave_empty, partial(rooms.refresh, PAGES_ROOM))
    repeat(TICK_S, presence.members.refresh, presence.peaks.refresh)
    repeat(TICK_S, presence.active_peak.measure)
    repeat(active_peak.WRITE_PEAK_S, presence.active_peak.write)
    repeat(TICK_S, communities.people.tick, communities.room_updates.tick)
    repeat(TICK_S, communities.revocation.recheck_if_revoked)
    repeat(MINUTE_S, services[ApiKeys].write_uses)
    repeat(refs.REFRESH_S, communities.refs.refresh)
    watch = ClockWatch(base.clock, lambda: visits.site.snapshot)
    watch.tick()
    repeat(TICK_S, watch.tick, counting.recovery.shared.renew, base.database.leave_replaced)
    repeat(TICK_S, counting.unsaved.refresh, services[Health].report, services[ObservabilityServices].publish)
    upkeep = services[Nightly].tick, services[ReportServices].weekly_report.tick, counting.anonymity.sweep
    repeat(retention.POLL_S, *upkeep, services[VersionLog].record, services[Recounts].tick)
    repeat(stored_settings.POLL_S, services[StoredSettings].refresh)
    repeat(recounts.RENEW_S, services[Recounts].renew)
    repeat(attendance.WRITE_S, services[AttendanceWriter].tick)
    repeat(attendance.DROP_S, partial(services[AttendanceWriter].drop, block_queries.correct_attended))
    repeat(backups.READ_S, services[Backups].refresh)
    repeat(retention.POLL_S, services[Backups].tick)
    repeat(storing.POLL_S, services[ReportServices].storing.tick)
    repeat(TICK_S, services[ReportServices].page_totals.tick)
    repeat(outbox.POLL_S, mails.tick)


def _close_in_order(services: Services, base: Base) -> None:
    """Register the calls to make on closing. The last line runs first, so that pending writes are committed before the
    database is closed.
    """
    at_close = services.lifetime.at_close
    at_close(base.database.close)
    at_close(base.cluster.drain)
    at_close(services[CountingServices].recovery.shared.renew)  # publishes what the last commits have acknowledged
    at_close(services[PresenceServices].peaks.write)
    at_close(services[PresenceServices].active_peak.write)
    at_close(services[Recounts].close)
    at_close(services[MailOutbox].close)
    at_close(services[ApiKeys].write_uses)
    at_close(services[Backups].close)
    at_close(services[AccountServices].passwords.close)
    at_close(services[AttendanceWriter].close)
    at_close(services[CountingServices].visits.close)
    at_close(services[ReportServices].events.close)


def _bind_tracker(services: Services) -> None:
    """Connect the functions of `koyjabo.presence.visitor_tracker` to these services."""
    presence, report = services[PresenceServices], services[PeopleServices].reports
    bind(
        TrackerServices(
            members=presence.members,
            peaks=presence.peaks,
            today=lambda scope: reports.people(report.today(scope)),
            start=services.start,
            communities=services[CommunityServices].directory.ids,
            places=services[AccountServices].sessions.places,
            now_ms=services.clock.now_ms,
        )
    )


def open_services(app: Flask, settings: Settings, runtime: Runtime, clock: Clock, creates_admin: bool) -> Services:
    """Migrate the database and build the services for `app`. Raises the same errors as `opening_queries.prepare`."""
    load_tables()
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine.engine_options(settings.database),
    )
    db.init_app(app)
    _learn_timelines(settings)
    with app.app_context():
        snapshot = opening_queries.prepare(settings.database, settings.starting_total, clock)
        app.extensions[EXTENSION] = services = assemble(settings, runtime, clock, snapshot)
    with engine.translated_errors():
        # Do this before any response, because the database may have been rolled back in the meantime.
        services[CountingServices].visits.stats()
        services[AccountServices].second_factors.end_sessions_without()
        if creates_admin:
            _make_first_admin(settings, services[AccountServices].credentials)
    return services


def _learn_timelines(settings: Settings) -> None:
    """Load the known timelines before anything is written, so that the database of an old primary is not migrated."""
    if settings.redis_url and settings.database.get_backend_name() != "sqlite":
        from koyjabo.counting.high_water_redis import learn_timelines

        learn_timelines(settings.redis_url)


def _make_first_admin(settings: Settings, accounts: Accounts) -> None:
    if settings.admin_email:
        accounts.ensure_admin(settings.admin_email, settings.admin_password)
    elif settings.environment == "development":
        password = accounts.make_up_admin()
        if password is not None:
            logs.print_to_operator(
                f"Log in to the panel as {PLACEHOLDER} with the password {password} (it is not shown again)"
            )
