"""How the rooms of the house are joined: what one says to the next when something happens (docs/architecture.md)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask

from config import Settings
from koyjabo.accounts import Accounts
from koyjabo.clock import Clock
from koyjabo.communities import Communities
from koyjabo.events import STATS_ROOM, VisitorUpdate
from koyjabo.extensions import socketio
from koyjabo.models import SITE, Scope
from koyjabo.pairing import Exchange, NobodyElse, Pairing
from koyjabo.places import Gazetteer
from koyjabo.presence import Presence
from koyjabo.realtime.fanout import LocalFanout
from koyjabo.realtime.outbox import Outbox
from koyjabo.realtime.packets import Packet
from koyjabo.realtime.presence_memory import MemoryPresence
from koyjabo.realtime.pulse import Pulse
from koyjabo.realtime.rooms import Bus, Rooms, Silence, Source
from koyjabo.reports import Reports
from koyjabo.runtime import Runtime
from koyjabo.services import Services
from koyjabo.sockets.messages import LARGEST_MESSAGE
from koyjabo.storage.desk import Desk
from koyjabo.storage.entries import Figures
from koyjabo.storage.ledger import Ledger, open_store
from koyjabo.storage.recent import recent_visits
from koyjabo.visits import Visits

PULSE_S = 1.0


def wire(app: Flask, chosen: Settings, runtime: Runtime, clock: Clock, figures: Figures) -> Services:
    """Make everything that lives as long as the application. Raises LedgerUnavailable."""
    window_s = chosen.active_window_seconds
    others = _others(chosen, runtime, clock) if chosen.redis_url else _nobody_else(app, clock, window_s)
    _init_socketio(app, chosen, runtime, others.fanout)
    visits = Visits(Ledger(open_store(chosen.database, clock), runtime), others.presence, clock, figures)
    pairing = Pairing(visits, others.presence, clock, window_s, chosen.secret_key, others.exchange)
    rooms = Rooms(others.fanout, runtime, others.bus)
    rooms.open(STATS_ROOM, Source(lambda: VisitorUpdate(visits.newest()), visits.state, visits.merge))
    look = (visits.stats, others.presence.refresh, pairing.renew, lambda: rooms.shown(STATS_ROOM))
    pulse = Pulse(runtime, min(PULSE_S, window_s / 4), look)

    def tell(scope: Scope) -> None:
        if scope == SITE:
            rooms.changed(STATS_ROOM)

    visits.on_change = others.presence.on_news = tell
    others.bus.on_value = rooms.hear
    desk = Desk(chosen.database, runtime)
    return Services(
        clock=clock,
        visits=visits,
        places=Gazetteer(chosen.geoip_files),
        pairing=pairing,
        rooms=rooms,
        pulse=pulse,
        leave_desk=desk.close,
        accounts=Accounts(desk, clock),
        communities=Communities(desk, clock),
        reports=Reports(desk, clock),
        redis_answers=others.redis_answers,
    )


@dataclass(frozen=True, slots=True)
class Others:
    """How this worker reaches the others: over Redis, or not at all."""

    presence: Presence
    exchange: Exchange
    fanout: LocalFanout
    bus: Bus
    redis_answers: Callable[[], bool] | None


def _nobody_else(app: Flask, clock: Clock, window_s: int) -> Others:
    presence, now_ms = MemoryPresence(clock, window_s), clock.now_ms()
    presence.remember(recent_visits(app, now_ms - window_s * 1000), now_ms)
    return Others(presence, NobodyElse(), LocalFanout(), Silence(), None)


def _others(chosen: Settings, runtime: Runtime, clock: Clock) -> Others:
    from koyjabo.realtime.bus import RoomManager, connect  # 5 MB, for those who need them
    from koyjabo.realtime.exchange_redis import RedisExchange
    from koyjabo.realtime.presence_redis import RedisPresence

    client, window_s = connect(chosen.redis_url), chosen.active_window_seconds
    outbox = Outbox(runtime)
    presence = RedisPresence(clock, window_s, client, outbox)
    outbox.on_return = presence.resend
    manager = RoomManager(client, outbox)
    exchange = RedisExchange(client, outbox, window_s)
    return Others(presence, exchange, manager, manager, lambda: outbox.reachable)


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
        # polling needs each client to come back to the same worker, which nobody promises (DESIGN decision 6)
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
