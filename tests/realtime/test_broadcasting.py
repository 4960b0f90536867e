"""`visitor_broadcaster`: from a process that has only REDIS_URL, and from one with the application in it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from support.databases import SqliteDatabase
from support.members import CommunityListener, Member, PlainMember, SocketioMember
from support.processes import run, wait_until
from support.redis import free_port
from support.server import Server
from support.workers import only, two_workers

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
    """One of each kind, on different workers, in both rooms."""
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


CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "broadcast_visitor_count(c, count=42, change=1)": (
        "visitors",
        {"type": "visitor_count", "count": 42, "change": 1},
    ),
    "broadcast_visitor_joined(c, count=43)": ("visitors", {"type": "visitor_joined", "count": 43, "change": 1}),
    "broadcast_visitor_left(c, count=42)": ("visitors", {"type": "visitor_left", "count": 42, "change": -1}),
    "broadcast_dashboard_update(c, {'today_visitors': {'total_unique_visitors': 7}, 'realtime_count': 42})": (
        "dashboard",
        {"type": "dashboard_update"},
    ),
    "broadcast_analytics_metric(c, metric='conversion_rate', value=14.5)": (
        "dashboard",
        {"type": "analytics_update", "metric": "conversion_rate", "value": 14.5},
    ),
}

FIRST, *OTHERS = CALLS


def shows_dashboard(listener: CommunityListener, community: str) -> bool:
    """Whether it was told the data of the call above; the server says so, too, when something changes."""
    told = {"today_visitors": {"total_unique_visitors": 7}, "realtime_count": 42, "community_id": community}
    return any(heard.event["data"] == told for heard in listener.of_type("dashboard_update"))


@contextmanager
def heard(sockets: Sockets, community: str, call: str) -> Iterator[None]:
    """What happens meanwhile tells both sockets in the room of `call` what it says."""
    room, told = CALLS[call]
    listeners = sockets[0] if room == "visitors" else sockets[1]
    before = [len(each.of_type(told["type"])) for each in listeners]
    yield
    for listener, earlier in zip(listeners, before, strict=True):
        if told["type"] == "dashboard_update":
            wait_until(partial(shows_dashboard, listener, community), "what was broadcast")
            continue
        event = listener.next_of_type(told["type"], earlier)
        assert event.items() >= {**told, "community_id": community}.items(), call
        assert event["timestamp"].endswith("Z"), call


def test_what_is_broadcast_with_redis_url_alone_reaches_both_kinds_on_both_workers(redis, community, sockets):
    calls = "\n".join(f"b.{call}" for call in CALLS)
    with ExitStack() as all_heard:
        for call in CALLS:
            all_heard.enter_context(heard(sockets, community, call))
        done = run("-c", f"{IMPORT}c = {community!r}\n{calls}\n{NOTHING_ELSE}", REDIS_URL=redis.url)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("call", [FIRST, *(pytest.param(call, marks=pytest.mark.long) for call in OTHERS)])
def test_what_is_broadcast_with_the_application_reaches_both_kinds_on_both_workers(server, community, sockets, call):
    made = "import time, koyjabo; app = koyjabo.create_app()\n"
    with heard(sockets, community, call):
        done = run("-c", f"{made}{IMPORT}c = {community!r}\nb.{call}\ntime.sleep(2)", **server.settings)
        assert done.returncode == 0, done.stderr


def test_real_change_after_a_broadcast_is_told_right(server, redis, founder, community, sockets):
    (plain, client), _ = sockets
    done = run("-c", f"{IMPORT}b.broadcast_visitor_count({community!r}, count=42, change=1)", REDIS_URL=redis.url)
    assert done.returncode == 0, done.stderr
    for listener in (plain, client):
        listener.wait_for_count(42)
    other = Member(server).join(community)
    with PlainMember(server.port, community, other.token) as joiner:
        assert joiner.wait_for_count(2)
        for listener in (plain, client):
            assert listener.wait_for_count(2)["type"] == "visitor_joined"


def test_without_application_and_redis_there_is_a_clear_error():
    done = run("-c", f"{IMPORT}b.broadcast_visitor_joined({COMMUNITY!r}, count=1)")
    assert "NowhereToBroadcast" in done.stderr
    assert "REDIS_URL" in done.stderr


def test_redis_that_does_not_answer_is_an_error():
    url = f"redis://127.0.0.1:{free_port()}/0"
    done = run("-c", f"{IMPORT}b.broadcast_visitor_joined({COMMUNITY!r}, count=1)", REDIS_URL=url)
    assert "redis.exceptions.ConnectionError" in done.stderr


@pytest.mark.parametrize("community_id", [None, "", "42", 42, "' OR 1=1", COMMUNITY[:-1]])
def test_community_id_that_is_no_uuid_raises(community_id):
    with pytest.raises(ValueError, match="community_id"):
        VisitorBroadcaster().broadcast_visitor_joined(community_id, count=1)


@pytest.mark.parametrize("count", [None, -1, 1.5, "42", True])
def test_count_that_is_none_raises(count):
    with pytest.raises(ValueError, match="count"):
        VisitorBroadcaster().broadcast_visitor_count(COMMUNITY, count=count, change=0)


@pytest.mark.parametrize("value", [Decimal(1), float("nan"), {1, 2}, "x" * 3000], ids=["decimal", "nan", "set", "long"])
def test_value_that_is_no_json_or_too_large_raises(value):
    with pytest.raises(ValueError, match=r"JSON|bytes"):
        VisitorBroadcaster().broadcast_analytics_metric(COMMUNITY, "metric", value)


def test_data_of_a_dashboard_has_to_be_a_mapping():
    with pytest.raises(ValueError, match="mapping"):
        VisitorBroadcaster().broadcast_dashboard_update(COMMUNITY, [1, 2])


def test_bad_arguments_are_refused_before_anything_else():
    assert isinstance(visitor_broadcaster, VisitorBroadcaster)
    with pytest.raises(NowhereToBroadcast):
        VisitorBroadcaster().broadcast_visitor_joined(uuid.UUID(COMMUNITY), count=1)
