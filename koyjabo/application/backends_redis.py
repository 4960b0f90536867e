"""Everything that workers share, in Redis."""

from __future__ import annotations

from typing import Any

from koyjabo.application.backends import Backends
from koyjabo.application.signals import Signals
from koyjabo.clock import Clock
from koyjabo.cluster.outbox import Outbox
from koyjabo.cluster.redis_client import connect
from koyjabo.cluster.workers_redis import RedisWorkers
from koyjabo.communities.live.dashboard_leader_redis import RedisLeader
from koyjabo.observability.socket_log import SocketLog
from koyjabo.presence.members.redis_store import RedisOnlineMembers
from koyjabo.presence.visitors.redis_store import RedisActiveVisitors
from koyjabo.presence.visitors.visitor_sockets_redis import RedisVisitMatcher
from koyjabo.realtime.fanout import Epoch
from koyjabo.realtime.message_bus import RoomManager
from koyjabo.runtime import Runtime
from koyjabo.settings.schema import Settings


def in_redis(
    settings: Settings, runtime: Runtime, clock: Clock, signals: Signals, socket_log: SocketLog, epoch: Epoch
) -> Backends:
    def resend() -> None:
        active_visitors.resend()
        members.resend()

    def receive(room: str, state: Any) -> None:
        signals.value_received.send(room, state=state)

    client, window_s = connect(settings.redis_url), settings.active_window_seconds
    outbox = Outbox(runtime, client.ping, resend)
    active_visitors = RedisActiveVisitors(clock, window_s, client, outbox, signals.active_changed.send)
    members = RedisOnlineMembers(clock, settings.leave_grace_seconds, client, outbox, signals.online_changed.send)
    manager = RoomManager(client, outbox, receive, socket_log.sent, socket_log.sent_to_one, epoch)
    return Backends(
        active_visitors=active_visitors,
        members=members,
        matcher=RedisVisitMatcher(client, outbox, window_s),
        fanout=manager,
        bus=manager,
        leader=RedisLeader(client, outbox, runtime, clock),
        workers=RedisWorkers(client, outbox),
        redis_answers=lambda: outbox.reachable,
        drain=outbox.drain,
    )
