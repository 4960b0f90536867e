"""How a worker reaches the others: over Redis, or not at all. The one place that asks whether there is a Redis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask

from koyjabo.clock import Clock
from koyjabo.cluster.bus import Bus, Silence
from koyjabo.cluster.outbox import Outbox
from koyjabo.cluster.workers import Workers
from koyjabo.cluster.workers_memory import MemoryWorkers
from koyjabo.communities.live.dashboard_room import Beat, OwnBeat
from koyjabo.counting.recent_visits_queries import recent_visits
from koyjabo.presence.members.memory_store import MemoryHolds
from koyjabo.presence.members.online_members import Holds
from koyjabo.presence.visitors.active_visitors import Presence
from koyjabo.presence.visitors.memory_store import MemoryPresence
from koyjabo.presence.visitors.visitor_sockets import Exchange, NobodyElse
from koyjabo.realtime.fanout import LocalFanout
from koyjabo.runtime import Runtime
from koyjabo.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Others:
    presence: Presence
    holds: Holds
    exchange: Exchange
    fanout: LocalFanout
    bus: Bus
    beat: Beat
    workers: Workers
    redis_answers: Callable[[], bool] | None
    drain: Callable[[], None]  # returns when they have been told what this worker had to say, or after a while


def reach(app: Flask, chosen: Settings, runtime: Runtime, clock: Clock) -> Others:
    """Raises LedgerUnavailable."""
    return _over_redis(chosen, runtime, clock) if chosen.redis_url else _alone(app, chosen, clock)


def _alone(app: Flask, chosen: Settings, clock: Clock) -> Others:
    window_s, now_ms = chosen.active_window_seconds, clock.now_ms()
    presence = MemoryPresence(clock, window_s)
    presence.remember(recent_visits(app, now_ms - window_s * 1000), now_ms)
    return Others(
        presence=presence,
        holds=MemoryHolds(clock, chosen.leave_grace_seconds),
        exchange=NobodyElse(),
        fanout=LocalFanout(),
        bus=Silence(),
        beat=OwnBeat(clock),
        workers=MemoryWorkers(),
        redis_answers=None,
        drain=lambda: None,
    )


def _over_redis(chosen: Settings, runtime: Runtime, clock: Clock) -> Others:
    from koyjabo.cluster.redis_client import connect
    from koyjabo.cluster.workers_redis import RedisWorkers
    from koyjabo.communities.live.dashboard_leader_redis import RedisBeat  # 5 MB, for those who need them
    from koyjabo.presence.members.redis_store import RedisHolds
    from koyjabo.presence.visitors.redis_store import RedisPresence
    from koyjabo.presence.visitors.visitor_sockets_redis import RedisExchange
    from koyjabo.realtime.message_bus import RoomManager

    client, window_s = connect(chosen.redis_url), chosen.active_window_seconds
    outbox = Outbox(runtime)
    presence = RedisPresence(clock, window_s, client, outbox)
    holds = RedisHolds(clock, chosen.leave_grace_seconds, client, outbox)

    def resend() -> None:
        presence.resend()
        holds.resend()

    outbox.on_return = resend
    manager = RoomManager(client, outbox)
    return Others(
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
