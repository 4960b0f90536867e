"""Builds all services, subscribes them to signals, and schedules their periodic work."""

from __future__ import annotations

from koyjabo.application import builders
from koyjabo.application.backends import Backends, open_backends
from koyjabo.application.builders import Base
from koyjabo.application.instrumentation import Instrumentation, values_of
from koyjabo.application.lifetime import Lifetime
from koyjabo.application.own_account import own_account
from koyjabo.application.services import NetworkServices, ObservabilityServices, Services
from koyjabo.application.signals import Signals
from koyjabo.application.subscriptions import subscribe
from koyjabo.audit.log import Audit
from koyjabo.clock import Clock
from koyjabo.communities.live.stats_rooms import StatsRooms
from koyjabo.counting.records import CounterSnapshot
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.mail import outbox
from koyjabo.mail.link_tokens import LinkTokens
from koyjabo.maintenance import nightly
from koyjabo.network.geolocation import PlaceFinder
from koyjabo.network.origins import Origins
from koyjabo.presence.members.tracker import TrackerServices, bind
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.runtime import Runtime
from koyjabo.settings.schema import Settings
from koyjabo.visit_log.visit_log import VisitLog

TICK_S = 1.0


def assemble(settings: Settings, runtime: Runtime, clock: Clock, snapshot: CounterSnapshot) -> Services:
    """Build the services of the application. `snapshot` is the current one of the site's counter. Needs an application
    context. Raises LedgerUnavailable.
    """
    signals = Signals()
    instruments = Instrumentation(settings.secret_key, TICK_S, lambda: values_of(services))
    backends = open_backends(settings, runtime, clock, signals, instruments.socket_log)
    database, tokens = DatabaseExecutor(settings.database, runtime), LinkTokens(settings.secret_key)
    mails = builders.outbox(settings, runtime, clock, database, tokens)
    base = Base(settings, clock, runtime, database, signals, backends, mails, tokens)
    services = _build(base, snapshot, instruments)
    subscribe(signals, services, backends)
    _tick(services, backends, instruments, settings.active_window_seconds)
    _close_in_order(services, base.database)
    reports, peaks = services.analytics.reports, services.presence.peaks
    bind(TrackerServices(backends.members, peaks, lambda scope: builders.people(reports.today(scope)), services.start))
    return services


def _build(base: Base, snapshot: CounterSnapshot, instruments: Instrumentation) -> Services:
    realtime, analytics, presence = builders.realtime(base), builders.analytics(base), builders.presence(base)
    rooms, reports, sockets = realtime.rooms, analytics.reports, presence.visitor_sockets
    dashboards = builders.dashboards(base, rooms, reports)
    stats_rooms, accounts = StatsRooms(rooms, dashboards), builders.accounts(base)
    counting = builders.counting(base, snapshot, sockets, rooms, stats_rooms, instruments.metrics.committed)
    return Services(
        clock=base.clock,
        signals=base.signals,
        lifetime=Lifetime(base.runtime),
        network=NetworkServices(
            PlaceFinder(base.settings.geoip_files), Origins(base.settings.origins, base.settings.public_url)
        ),
        counting=counting,
        presence=presence,
        realtime=realtime,
        mail=base.outbox,
        accounts=accounts,
        own_account=own_account(base, accounts.email_links),
        audit=Audit(base.database),
        analytics=analytics,
        communities=builders.communities(base, rooms, counting.visits, reports, dashboards, stats_rooms),
        visit_log=VisitLog(base.database, base.clock),
        maintenance=builders.maintenance(base),
        observability=_observability(instruments, base.backends),
    )


def _observability(instruments: Instrumentation, backends: Backends) -> ObservabilityServices:
    lag = instruments.lag
    return ObservabilityServices(
        instruments.metrics, instruments.socket_log, lambda: lag.seconds, backends.redis_answers
    )


def _tick(services: Services, backends: Backends, instruments: Instrumentation, window_s: int) -> None:
    """Schedule the periodic work. Calls of one line run one after the other; leases must not wait for a database."""
    visits, sockets, rooms = services.counting.visits, services.presence.visitor_sockets, services.realtime.rooms
    every, communities, maintenance = services.lifetime.every, services.communities, services.maintenance
    site = (visits.stats, backends.active_visitors.refresh, sockets.renew, lambda: rooms.refresh(STATS_ROOM))
    every(min(TICK_S, window_s / 4), *site)
    every(TICK_S, backends.members.refresh, services.presence.peaks.refresh)
    every(TICK_S, communities.rooms.tick)
    every(TICK_S, communities.revocation.recheck_if_revoked)
    every(TICK_S, maintenance.system.report, instruments.publish)
    every(nightly.LOOK_S, maintenance.nightly.tick, maintenance.weekly_report.tick, services.counting.anonymity.sweep)
    if services.mail.is_on:
        every(outbox.LOOK_S, services.mail.tick)


def _close_in_order(services: Services, database: DatabaseExecutor) -> None:
    """The last line is called first, so that pending writes are committed before the database is closed."""
    at_close = services.lifetime.at_close
    at_close(database.close)
    at_close(services.presence.peaks.write)
    at_close(services.mail.close)
    at_close(services.accounts.credentials.close)
    at_close(services.counting.visits.close)
