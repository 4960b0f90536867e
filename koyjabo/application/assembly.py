"""Builds all services, subscribes them to signals, and schedules their periodic work."""

from __future__ import annotations

from functools import partial

from koyjabo.accounts.passwords import Passwords
from koyjabo.application import builders, insights_builders, live_builders, maintenance_builders
from koyjabo.application.backends import Backends, open_backends
from koyjabo.application.base import Base
from koyjabo.application.instrumentation import Instrumentation, values_of
from koyjabo.application.lifetime import Lifetime
from koyjabo.application.own_account import own_account
from koyjabo.application.services import NetworkServices, ObservabilityServices, Services
from koyjabo.application.signals import Signals
from koyjabo.application.subscriptions import subscribe
from koyjabo.audit.log import Audit
from koyjabo.audit.versions import VersionLog
from koyjabo.clock import Clock
from koyjabo.communities.live.online_people import OnlinePeople
from koyjabo.communities.live.stats_rooms import StatsRooms
from koyjabo.counting import milestones
from koyjabo.counting.records import CounterSnapshot
from koyjabo.counting.stats import base36
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.free_space import FreeSpace
from koyjabo.insights.projection import projection
from koyjabo.installation import VERSION
from koyjabo.mail import outbox
from koyjabo.mail.link_tokens import LinkTokens
from koyjabo.maintenance import nightly
from koyjabo.network.geolocation import PlaceFinder
from koyjabo.network.origins import Origins
from koyjabo.presence.members.tracker import TrackerServices, bind
from koyjabo.presence.visitors import active_peak
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.runtime import Runtime
from koyjabo.settings.database_url import file_of
from koyjabo.settings.schema import Settings
from koyjabo.sharing.shares import Shares

TICK_S = 1.0


def assemble(settings: Settings, runtime: Runtime, clock: Clock, snapshot: CounterSnapshot) -> Services:
    """Build the services of the application. `snapshot` is the current one of the site's counter. Needs an application
    context. Raises LedgerUnavailable.
    """
    signals = Signals()
    instruments = Instrumentation(settings.secret_key, TICK_S, lambda: values_of(services))
    backends = open_backends(
        settings,
        runtime,
        clock,
        signals,
        instruments.socket_log,
        epoch=lambda: base36(services.counting.visits.site.snapshot.epoch),
    )
    base = _base(settings, runtime, clock, signals, backends)
    services = _build(base, snapshot, instruments)
    subscribe(signals, services, backends)
    _tick(services, backends, instruments, settings.active_window_seconds)
    _close_in_order(services, base.database)
    _bind_tracker(services, backends)
    return services


def _base(settings: Settings, runtime: Runtime, clock: Clock, signals: Signals, backends: Backends) -> Base:
    database, tokens = DatabaseExecutor(settings.database, runtime), LinkTokens(settings.secret_key)
    mails = builders.outbox(settings, runtime, clock, database, tokens)
    announced = milestones.of_setting(settings.milestones)
    file, passwords = file_of(settings.database_url), Passwords(runtime)
    space = FreeSpace(file.parent if file else None)
    return Base(settings, clock, runtime, database, signals, backends, mails, tokens, passwords, announced, space)


def _build(base: Base, snapshot: CounterSnapshot, instruments: Instrumentation) -> Services:
    realtime, analytics, presence = builders.realtime(base), builders.analytics(base), builders.presence(base)
    rooms, reports, sockets = realtime.rooms, analytics.reports, presence.visitor_sockets
    accounts, parser = builders.accounts(base), insights_builders.trait_parser(base)
    insights = insights_builders.insights(base, parser, presence)
    people = OnlinePeople(base.backends.members.people, accounts.credentials.names)
    dashboards = live_builders.dashboards(base, rooms, reports, people, presence.arrivals)
    stats_rooms = StatsRooms(rooms, dashboards)
    counting = builders.counting(base, snapshot, sockets, rooms, stats_rooms, instruments.metrics.committed)
    panel = live_builders.live_panel(base, rooms, counting.visits, presence.arrivals)
    places, observability = PlaceFinder(base.settings.geoip_files), _observability(instruments, base.backends)
    return Services(
        clock=base.clock,
        signals=base.signals,
        lifetime=Lifetime(base.runtime),
        network=NetworkServices(places, Origins(base.settings.origins, base.settings.public_url)),
        counting=counting,
        presence=presence,
        realtime=realtime,
        mail=base.outbox,
        accounts=accounts,
        own_account=own_account(base, accounts.email_links),
        audit=Audit(base.database, base.clock),
        versions=VersionLog(base.database, base.clock, VERSION),
        analytics=analytics,
        insights=insights,
        communities=builders.communities(base, rooms, counting.visits, reports, dashboards, panel, stats_rooms, people),
        shares=Shares(base.database, base.clock, base.passwords, base.settings.secret_key),
        visit_log=builders.visit_log(base, parser, panel, counting.visits),
        maintenance=maintenance_builders.maintenance(base, counting, observability, places, insights),
        observability=observability,
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
    refresh = partial(rooms.refresh, STATS_ROOM), services.visit_log.live_panel.changed
    site = (visits.stats, backends.active_visitors.refresh, sockets.renew, *refresh)
    every(min(TICK_S, window_s / 4), *site)
    every(TICK_S, backends.members.refresh, services.presence.peaks.refresh)
    every(TICK_S, services.presence.active_peak.measure)
    every(active_peak.WRITE_S, services.presence.active_peak.write)
    every(TICK_S, communities.rooms.tick)
    every(TICK_S, communities.revocation.recheck_if_revoked)
    every(TICK_S, services.counting.unsaved.refresh, maintenance.system.report, instruments.publish)
    upkeep = maintenance.nightly.tick, maintenance.weekly_report.tick, services.counting.anonymity.sweep
    every(nightly.LOOK_S, *upkeep, services.versions.record)
    every(projection.LOOK_S, services.insights.projection.tick)
    if services.mail.is_on:
        every(outbox.LOOK_S, services.mail.tick)


def _close_in_order(services: Services, database: DatabaseExecutor) -> None:
    """The last line is called first, so that pending writes are committed before the database is closed."""
    at_close = services.lifetime.at_close
    at_close(database.close)
    at_close(services.presence.peaks.write)
    at_close(services.presence.active_peak.write)
    at_close(services.communities.time_spent.write)
    at_close(services.mail.close)
    at_close(services.accounts.credentials.close)
    at_close(services.counting.visits.close)
    at_close(services.insights.events.close)


def _bind_tracker(services: Services, backends: Backends) -> None:
    """Let the functions of `koyjabo.presence.visitor_tracker` ask these services."""
    reports, peaks = services.analytics.reports, services.presence.peaks
    bind(
        TrackerServices(
            members=backends.members,
            peaks=peaks,
            today=lambda scope: live_builders.people(reports.today(scope)),
            start=services.start,
            communities=services.communities.directory.ids,
            places=services.accounts.sessions.places,
            now_ms=services.clock.now_ms,
        )
    )
