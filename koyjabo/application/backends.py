"""Chooses the backend of everything that workers share: Redis, or memory when there is one worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from koyjabo.application.signals import Signals
from koyjabo.clock import Clock
from koyjabo.cluster.bus import Bus, NullBus
from koyjabo.cluster.workers import Workers
from koyjabo.cluster.workers_memory import MemoryWorkers
from koyjabo.communities.live.dashboard_room import DashboardLeader, LocalLeader
from koyjabo.counting.recent_visits_queries import recent_visits
from koyjabo.extensions import db
from koyjabo.observability.socket_log import SocketLog
from koyjabo.presence.members.memory_store import MemoryOnlineMembers
from koyjabo.presence.members.online_members import OnlineMembers
from koyjabo.presence.visitors.active_visitors import ActiveVisitors
from koyjabo.presence.visitors.memory_store import MemoryActiveVisitors
from koyjabo.presence.visitors.visit_matcher import NoMatcher, VisitMatcher
from koyjabo.realtime.fanout import Epoch, LocalFanout, MemoryFanout
from koyjabo.runtime import Runtime
from koyjabo.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Backends:
    active_visitors: ActiveVisitors
    members: OnlineMembers
    matcher: VisitMatcher
    fanout: LocalFanout
    bus: Bus
    leader: DashboardLeader
    workers: Workers
    redis_answers: Callable[[], bool] | None
    drain: Callable[[], None]  # waits until this worker's messages are published, or for a limited time


def open_backends(
    settings: Settings, runtime: Runtime, clock: Clock, signals: Signals, socket_log: SocketLog, epoch: Epoch
) -> Backends:
    """Needs an application context. Raises LedgerUnavailable."""
    if settings.redis_url:
        from koyjabo.application.backends_redis import in_redis  # late: Redis' client is 15 MB

        return in_redis(settings, runtime, clock, signals, socket_log, epoch)
    return _in_memory(settings, clock, signals, socket_log, epoch)


def _in_memory(settings: Settings, clock: Clock, signals: Signals, socket_log: SocketLog, epoch: Epoch) -> Backends:
    window_s, now_ms = settings.active_window_seconds, clock.now_ms()
    active_visitors = MemoryActiveVisitors(clock, window_s)
    active_visitors.restore(recent_visits(db.engine, now_ms - window_s * 1000), now_ms)
    return Backends(
        active_visitors=active_visitors,
        members=MemoryOnlineMembers(clock, settings.leave_grace_seconds, signals.online_changed.send),
        matcher=NoMatcher(),
        fanout=MemoryFanout(socket_log.sent, socket_log.sent_to_one, epoch),
        bus=NullBus(),
        leader=LocalLeader(clock),
        workers=MemoryWorkers(),
        redis_answers=None,
        drain=lambda: None,
    )
