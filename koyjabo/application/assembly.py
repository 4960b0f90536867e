"""How the rooms of the house are joined: what one says to the next when something happens (docs/architecture.md)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Any

from flask import Flask

from koyjabo.accounts.accounts import Accounts
from koyjabo.accounts.login_sessions import Sessions
from koyjabo.accounts.login_throttle import LoginFailures
from koyjabo.accounts.passwords import Passwords
from koyjabo.accounts.tokens import Tokens
from koyjabo.accounts.user_admin import Users
from koyjabo.analytics.reports import Conversion, Reports, Visitors
from koyjabo.analytics.timeline import History
from koyjabo.application.backends import Others, reach
from koyjabo.application.instrumentation import Watch
from koyjabo.application.services import Services
from koyjabo.audit.log import Audit
from koyjabo.clock import Clock, iso
from koyjabo.communities.communities import Communities
from koyjabo.communities.live.attendance_log import Arrivals
from koyjabo.communities.live.community_rooms import Attendance
from koyjabo.communities.live.dashboard_room import Dashboards
from koyjabo.communities.live.revocation import LOSSES, Seating
from koyjabo.communities.permissions import Rights
from koyjabo.counting.ledger import Ledger, open_store
from koyjabo.counting.live_stats import Numbers
from koyjabo.counting.records import Figures
from koyjabo.counting.visits import Visits
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.extensions import socketio
from koyjabo.maintenance.erasure import Erasure
from koyjabo.maintenance.nightly import LOOK_S, Nightly
from koyjabo.maintenance.recount import Recounts
from koyjabo.maintenance.retention import Retention
from koyjabo.maintenance.system_status import SETTINGS, Storage, System
from koyjabo.maintenance.total import Bookkeeping
from koyjabo.models import SITE, Scope
from koyjabo.network.geolocation import Gazetteer
from koyjabo.network.origins import Origins
from koyjabo.presence.members.peaks import Peaks
from koyjabo.presence.members.tracker import Place, bind
from koyjabo.presence.visitors.visitor_sockets import Pairing
from koyjabo.realtime import VisitorBroadcaster, socket_counts, visitor_broadcaster
from koyjabo.realtime.events import STATS_ROOM, VisitorUpdate
from koyjabo.realtime.fanout import LocalFanout
from koyjabo.realtime.room import Newest
from koyjabo.realtime.rooms import Rooms
from koyjabo.realtime.strict_packets import Packet
from koyjabo.realtime.ticker import Pulse
from koyjabo.runtime import Runtime
from koyjabo.settings.database_url import is_ephemeral
from koyjabo.settings.schema import Settings
from koyjabo.sockets.messages import LARGEST_MESSAGE
from koyjabo.visit_log.visit_log import VisitLog

PULSE_S = 1.0
FORGOTTEN = "forgotten"
"""Said on the bus of a visitor who was forgotten, with where they had been."""


def wire(app: Flask, chosen: Settings, runtime: Runtime, clock: Clock, figures: Figures) -> Services:
    """Make everything that lives as long as the application. Raises LedgerUnavailable."""
    others = reach(app, chosen, runtime, clock)
    _init_socketio(app, chosen, runtime, others.fanout)
    desk = DatabaseExecutor(chosen.database, runtime)
    ledger, ignores_bots = Ledger(open_store(chosen.database, clock), runtime), chosen.bot_policy == "ignore"
    visits = Visits(ledger, others.presence, clock, figures, ignores_bots)
    rooms = Rooms(others.fanout, runtime, others.bus)
    window_s, tabs = chosen.active_window_seconds, chosen.rate_limit_tabs
    pairing = Pairing(visits, others.presence, clock, window_s, chosen.secret_key, others.exchange, tabs)
    accounts, communities = Accounts(desk, clock, Passwords(runtime)), Communities(desk, clock)
    users, reports, rights = Users(desk, clock), Reports(desk, clock), Rights(desk, runtime, clock)
    peaks = Peaks(desk, clock, runtime, lambda scope: others.holds.online(scope).count)
    seating = Seating(rights, others.bus, runtime, clock)
    watch = Watch(chosen.secret_key, PULSE_S)
    watch.over(others, ledger, visits, seating)
    attendance = _attendance(others, rooms, seating, visits, reports, peaks, runtime, clock)
    recounts = Recounts(desk, clock, runtime, others.workers)
    system = _system(chosen, desk, clock, others, recounts)
    recounts.on_change = system.tell
    sessions = Sessions(desk, clock)
    accounts.on_loss = users.on_loss = communities.on_loss = sessions.on_loss = seating.note_loss
    retention, erasure = Retention(desk, clock, chosen.retention_days), Erasure(desk, clock)
    nightly = Nightly(desk, clock, runtime, retention)
    erasure.on_forgotten, erasure.drain = _forgetting(others, pairing), others.drain
    _tell_of_site(others, rooms, visits, attendance, seating, pairing, chosen.update_interval_ms / 1000)
    bind(Place(others.holds, peaks, lambda scope: _people(reports.today(scope)), lambda: Services.of(app).start()))
    look = (visits.stats, others.presence.refresh, pairing.renew, lambda: rooms.shown(STATS_ROOM))

    def leave_desk() -> None:
        peaks.write()
        desk.close()

    return Services(
        clock=clock,
        visits=visits,
        places=Gazetteer(chosen.geoip_files),
        pairing=pairing,
        rooms=rooms,
        pulses=(
            Pulse(runtime, min(PULSE_S, window_s / 4), look),
            Pulse(runtime, PULSE_S, (others.holds.refresh, peaks.refresh)),  # a lease must not wait for a database
            Pulse(runtime, PULSE_S, (attendance.tick,)),
            Pulse(runtime, PULSE_S, (seating.judge,)),
            Pulse(runtime, PULSE_S, (system.tell, watch.tell)),
            Pulse(runtime, LOOK_S, (nightly.tick,)),
        ),
        leave_desk=leave_desk,
        tokens=Tokens(chosen.secret_key),
        origins=Origins(chosen.origins),
        accounts=accounts,
        login_failures=LoginFailures(desk, clock, chosen.secret_key),
        sessions=sessions,
        users=users,
        audit=Audit(desk),
        visit_log=VisitLog(desk, clock),
        bookkeeping=Bookkeeping(desk, clock),
        retention=retention,
        erasure=erasure,
        recounts=recounts,
        system=system,
        communities=communities,
        reports=reports,
        peaks=peaks,
        history=History(desk, clock),
        rights=rights,
        attendance=attendance,
        metrics=watch.metrics,
        traffic=watch.traffic,
        lag_s=lambda: watch.lag.seconds,
        redis_answers=others.redis_answers,
    )


def _attendance(
    others: Others,
    rooms: Rooms,
    seating: Seating,
    visits: Visits,
    reports: Reports,
    peaks: Peaks,
    runtime: Runtime,
    clock: Clock,
) -> Attendance:
    def look(community_id: str) -> dict[str, Any]:
        return {
            "today_visitors": _people(reports.today(community_id)),
            "realtime_count": others.holds.online(Scope(community_id)).count,
            "community_id": community_id,
        }

    def attend(community_id: str, users: Collection[str], at_ms: int) -> None:
        if reports.attend(community_id, sorted(users), at_ms):
            dashboards.changed(community_id)

    def announce(conversion: Conversion) -> None:
        made = {"session_id": conversion.id, "converted_at": iso(conversion.at_ms)}
        broadcaster.broadcast_analytics_metric(conversion.scope, "conversion", made)
        broadcaster.broadcast_analytics_metric(conversion.scope, "conversion_rate", conversion.rate)
        dashboards.changed(conversion.scope)

    def emit(event: str, data: dict[str, Any], room: str) -> None:
        others.fanout.emit(event, data, room=room)

    broadcaster = VisitorBroadcaster()  # of this application, whichever was made last in this process
    for each in (broadcaster, visitor_broadcaster):
        each.bind(emit)

    def count_changed(scope: Scope) -> None:
        online = others.holds.online(scope)
        if not online.is_guess:
            peaks.note(scope, online.count)
        attendance.count_changed(scope)

    dashboards = Dashboards(rooms, look, others.beat, clock)
    arrivals = Arrivals(attend, runtime, clock)
    attendance = Attendance(rooms, others.holds, visits, dashboards, arrivals, seating, clock)
    others.holds.on_news = count_changed
    reports.on_conversion = announce
    return attendance


def _system(chosen: Settings, desk: DatabaseExecutor, clock: Clock, others: Others, recounts: Recounts) -> System:
    """Storage that is lost at a deploy is refused unless it is allowed (`config`)."""
    kind = "SQLite" if chosen.database.get_backend_name() == "sqlite" else "PostgreSQL"
    return System(
        desk,
        clock,
        others.workers,
        recounts,
        sockets=lambda: socket_counts.sockets(others.fanout),
        storage=Storage(kind, not (chosen.allow_ephemeral_storage and is_ephemeral(chosen.database_url))),
        has_redis=others.redis_answers is not None,
        settings={name: getattr(chosen, name.lower()) for name in SETTINGS},
    )


def _people(found: Visitors) -> dict[str, int]:
    """As dashboards and the tracker write them."""
    return {
        "authenticated_visitors": found.people.authenticated,
        "anonymous_visitors": found.people.anonymous,
        "total_unique_visitors": sum(found.people),
    }


def _forgetting(others: Others, pairing: Pairing) -> Callable[[str, Collection[Scope]], None]:
    """What has to be forgotten beside the database: here at once, and then on other workers."""

    def forgotten(visitor_id: str, scopes: Collection[Scope]) -> None:
        _forget_here(others, pairing, visitor_id, scopes)
        others.bus.say(FORGOTTEN, lambda: [visitor_id, sorted(scopes)], visitor_id)

    return forgotten


def _forget_here(others: Others, pairing: Pairing, visitor_id: str, scopes: Collection[Scope]) -> None:
    pairing.forget(visitor_id)  # first, since open pages keep their visitor active
    for scope in scopes:
        others.presence.forget(scope, visitor_id)


def _tell_of_site(
    others: Others,
    rooms: Rooms,
    visits: Visits,
    attendance: Attendance,
    seating: Seating,
    pairing: Pairing,
    interval_s: float,
) -> None:
    def site_changed() -> None:
        rooms.changed(STATS_ROOM, visits.site.state)

    def committed(numbers: Numbers) -> None:
        if numbers is visits.site:
            site_changed()
        else:
            attendance.visited(numbers)

    def active_changed(scope: Scope) -> None:
        if scope == SITE:
            site_changed()

    def heard(room: str, state: Any) -> None:
        if room == LOSSES:
            seating.hear_loss(state)
        elif room == FORGOTTEN:
            _forget_here(others, pairing, *state)
        else:
            rooms.hear(room, state)

    rooms.open(STATS_ROOM, Newest(lambda: VisitorUpdate(visits.newest()), visits.site.merge, interval_s))
    visits.on_change = committed
    others.presence.on_news = active_changed
    others.bus.on_value = heard


def _init_socketio(app: Flask, chosen: Settings, runtime: Runtime, fanout: LocalFanout) -> None:
    """Flask-SocketIO keeps its options from one application to the next, so each is said every time.

    Ping times and the largest message are what an application has said beforehand, in `socketio.server_options`.
    """
    log = logging.getLogger("koyjabo.socketio")
    log.setLevel(logging.WARNING)  # at INFO it tells every packet
    before: dict[str, Any] = socketio.server_options
    socketio.init_app(
        app,
        client_manager=fanout,
        async_mode=runtime.async_mode,
        # polling needs each client to come back to the same worker, which nobody promises (decision 6)
        transports=["websocket"] if chosen.web_concurrency > 1 else ["polling", "websocket"],
        cors_allowed_origins="*",
        cors_credentials=False,
        manage_session=False,
        serializer=Packet,
        always_connect=True,  # the client hears that it is connected before it hears anything else
        monitor_clients=runtime.async_mode == "threading",  # our server has its own sweep
        ping_interval=before.get("ping_interval", 25),
        ping_timeout=before.get("ping_timeout", 20),
        max_http_buffer_size=before.get("max_http_buffer_size", LARGEST_MESSAGE),
        logger=log,
        engineio_logger=log,
    )
