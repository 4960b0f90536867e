"""Chooses the backend of everything that workers share: Redis, or memory when there is one worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from koyjabo.application.signals import Signals
from koyjabo.clock import Clock
from koyjabo.cluster.bus import Bus, Silence
from koyjabo.cluster.outbox import Outbox
from koyjabo.cluster.redis_client import connect
from koyjabo.cluster.workers import Workers
from koyjabo.cluster.workers_memory import MemoryWorkers
from koyjabo.cluster.workers_redis import RedisWorkers
from koyjabo.communities.live.dashboard_leader_redis import RedisBeat
from koyjabo.communities.live.dashboard_room import Beat, OwnBeat
from koyjabo.counting.recent_visits_queries import recent_visits
from koyjabo.extensions import db
from koyjabo.observability.socket_log import Traffic
from koyjabo.presence.members.memory_store import MemoryHolds
from koyjabo.presence.members.online_members import Holds
from koyjabo.presence.members.redis_store import RedisHolds
from koyjabo.presence.visitors.active_visitors import Presence
from koyjabo.presence.visitors.memory_store import MemoryPresence
from koyjabo.presence.visitors.redis_store import RedisPresence
from koyjabo.presence.visitors.visitor_sockets import Exchange, NobodyElse
from koyjabo.presence.visitors.visitor_sockets_redis import RedisExchange
from koyjabo.realtime.fanout import LocalFanout, MemoryFanout
from koyjabo.realtime.message_bus import RoomManager
from koyjabo.runtime import Runtime
from koyjabo.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Backends:
    presence: Presence
    holds: Holds
    exchange: Exchange
    fanout: LocalFanout
    bus: Bus
    beat: Beat
    workers: Workers
    redis_answers: Callable[[], bool] | None
    drain: Callable[[], None]  # returns when other workers have received what this one had to say, or after a while


def open_backends(settings: Settings, runtime: Runtime, clock: Clock, signals: Signals, traffic: Traffic) -> Backends:
    """Needs an application context. Raises LedgerUnavailable."""
    if settings.redis_url:
        return _in_redis(settings, runtime, clock, signals, traffic)
    return _in_memory(settings, clock, signals, traffic)


def _in_memory(settings: Settings, clock: Clock, signals: Signals, traffic: Traffic) -> Backends:
    window_s, now_ms = settings.active_window_seconds, clock.now_ms()
    presence = MemoryPresence(clock, window_s)
    presence.remember(recent_visits(db.engine, now_ms - window_s * 1000), now_ms)
    return Backends(
        presence=presence,
        holds=MemoryHolds(clock, settings.leave_grace_seconds, signals.online_changed.send),
        exchange=NobodyElse(),
        fanout=MemoryFanout(traffic.sent, traffic.told),
        bus=Silence(),
        beat=OwnBeat(clock),
        workers=MemoryWorkers(),
        redis_answers=None,
        drain=lambda: None,
    )


def _in_redis(settings: Settings, runtime: Runtime, clock: Clock, signals: Signals, traffic: Traffic) -> Backends:
    def resend() -> None:
        presence.resend()
        holds.resend()

    def receive(room: str, state: Any) -> None:
        signals.value_received.send(room, state=state)

    client, window_s = connect(settings.redis_url), settings.active_window_seconds
    outbox = Outbox(runtime, resend)
    presence = RedisPresence(clock, window_s, client, outbox, signals.active_changed.send)
    holds = RedisHolds(clock, settings.leave_grace_seconds, client, outbox, signals.online_changed.send)
    manager = RoomManager(client, outbox, receive, traffic.sent, traffic.told)
    return Backends(
        presence=presence,
        holds=holds,
        exchange=RedisExchange(client, outbox, window_s),
        fanout=manager,
        bus=manager,
        beat=RedisBeat(client, outbox, runtime, clock),
        workers=RedisWorkers(client, outbox),
        redis_answers=lambda: outbox.reachable,
        drain=outbox.drain,
    )
