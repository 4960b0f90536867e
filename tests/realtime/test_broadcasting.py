"""`visitor_broadcaster` in a process with only REDIS_URL, and in one with the application."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from redis import exceptions as redis_errors
from support.clients.members import CommunityListener, Member, PlainMember, SocketioMember
from support.clients.worker_connections import only, two_workers
from support.databases.database import SqliteDatabase
from support.programs.ports import free_port
from support.programs.processes import run, wait_until
from support.servers.server import Server

from koyjabo.realtime import VisitorBroadcaster, visitor_broadcaster
from koyjabo.realtime.broadcaster import NowhereToBroadcast

IMPORT = "from koyjabo.realtime import visitor_broadcaster as b\n"
NOTHING_ELSE = "import sys; assert not {'flask', 'sqlalchemy', 'eventlet'} & set(sys.modules), sys.modules\n"
Sockets = tuple[list[CommunityListener], list[CommunityListener]]
COMMUNITY = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"


@pytest.fixture(scope="module")
def server(module_servers, tmp_path_factory, redis) -> Server:
    database = SqliteDatabase.migrated(tmp_path_factory.mktemp("database") / "koyjabo.db")
    return two_workers(module_servers(database, REDIS_URL=redis.url))


@pytest.fixture
def sockets(server, founder, community):
    """A socket of each kind on different workers, in both rooms."""
    left, right = server.workers()
    with only(server, left):
        plain = [PlainMember(server.port, community, founder.token, path) for path in ("visitors", "visitor-dashboard")]
    with only(server, right):
        client = SocketioMember(server.port, community, founder.token)
        client.ask("join", {**client.where, "room": "visitor_dashboard", "token": founder.token})
    for socket, kind in ((plain[0], "visitor_count"), (plain[1], "dashboard_update"), (client, "visitor_count")):
        socket.next_of_type(kind)
    yield [plain[0], client], [plain[1], client]
    for socket in (*plain, client):
        socket.close()


DATA = {"today_visitors": {"total_unique_visitors": 7}, "realtime_count": 42}
CALLS: dict[str, dict[str, Any]] = {
    "broadcast_visitor_count(c, count=42, change=1)": {"type": "visitor_count", "count": 42, "change": 1},
    "broadcast_visitor_joined(c, count=43)": {"type": "visitor_joined", "count": 43, "change": 1},
    "broadcast_visitor_left(c, count=42)": {"type": "visitor_left", "count": 42, "change": -1},
    f"broadcast_dashboard_update(c, {DATA})": {"type": "dashboard_update"},
    "broadcast_analytics_metric(c, metric='load', value=14.5)": {
        "type": "analytics_update",
        "metric": "load",
        "value": 14.5,
    },
}


def assert_all_received(sockets: Sockets, community: str, program: str, **settings: Any) -> None:
    """Run `program`, which makes all CALLS, and assert that both sockets in each call's room receive its event."""
    before = {listener: len(listener.received) for listeners in sockets for listener in listeners}
    done = run("-c", program.replace("CALLS", "\n".join(f"b.{call}" for call in CALLS)), **settings)
    assert done.returncode == 0, done.stderr
    for call, event in CALLS.items():
        is_dashboard = event["type"] == "dashboard_update"  # the server sends dashboard updates as well
        expected = {**event, **({"data": {**DATA, "community_id": community}} if is_dashboard else {})}
        for listener in sockets[0 if "count" in event else 1]:
            wait_until(partial(has_received, listener, before[listener], expected, community), call)


def has_received(listener: CommunityListener, after: int, expected: dict[str, Any], community: str) -> bool:
    events = [
        received.event for received in listener.received[after:] if {**received.event, **expected} == received.event
    ]
    return any(event["timestamp"].endswith("Z") and community in json.dumps(event) for event in events)


def test_broadcast_needs_only_redis_and_the_next_change_corrects_it(server, redis, founder, community, sockets):
    wait_until(lambda: redis.heard_by("flask-socketio") == 2, "both workers hear the queue")
    program = f"{IMPORT}c = {community!r}\nCALLS\n{NOTHING_ELSE}"
    assert_all_received(sockets, community, program, REDIS_URL=redis.url)
    other = Member(server).join(community)
    with PlainMember(server.port, community, other.token) as joiner:
        assert joiner.wait_for_count(2)
        for listener in sockets[0]:
            assert listener.wait_for_count(2)["type"] == "visitor_joined"


def test_bad_arguments_are_refused_before_anything_else():
    broadcast = VisitorBroadcaster()
    for community_id in (None, "", "42", 42, "' OR 1=1", COMMUNITY[:-1]):
        with pytest.raises(ValueError, match="community_id"):
            broadcast.broadcast_visitor_joined(community_id, count=1)
    for count in (None, -1, 1.5, "42", True):
        with pytest.raises(ValueError, match="count"):
            broadcast.broadcast_visitor_count(COMMUNITY, count=count, change=0)
    for value in (Decimal(1), float("nan"), {1, 2}, "x" * 3000):  # not JSON, or too large
        with pytest.raises(ValueError, match=r"JSON|bytes"):
            broadcast.broadcast_analytics_metric(COMMUNITY, "metric", value)
    with pytest.raises(ValueError, match="mapping"):
        broadcast.broadcast_dashboard_update(COMMUNITY, [1, 2])


def test_error_is_clear_without_application_and_redis(monkeypatch):
    assert isinstance(visitor_broadcaster, VisitorBroadcaster)
    monkeypatch.delenv("REDIS_URL", raising=False)
    with pytest.raises(NowhereToBroadcast, match="REDIS_URL"):
        VisitorBroadcaster().broadcast_visitor_joined(uuid.UUID(COMMUNITY), count=1)
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(redis_errors.ConnectionError):
        VisitorBroadcaster().broadcast_visitor_joined(COMMUNITY, count=1)
