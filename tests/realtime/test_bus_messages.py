"""Messages that other processes publish on the channel, also with `visitor_broadcaster`: events reach every page
unchanged, and invalid messages are ignored.
"""

import json
import uuid
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from flask_socketio import SocketIO
from redis import exceptions as redis_errors
from same_numbers import wait_until_same
from support.clients.members import CommunityListener, Member, PlainMember, SocketioMember
from support.clients.worker_connections import (
    assert_never_fell,
    assert_received,
    flat,
    only,
    pages,
    two_workers,
    worker_connections,
)
from support.programs.patience import PATIENCE_S
from support.programs.ports import free_port
from support.programs.processes import run, wait_until

from koyjabo.realtime import VisitorBroadcaster, visitor_broadcaster
from koyjabo.realtime.broadcaster import NowhereToBroadcast

QUEUE, WORKERS, STATS = CHANNELS = "flask-socketio", "koyjabo:workers", "koyjabo:room:stats"
HUGE = 10**18

RUBBISH = {
    "no JSON": b"rubbish",
    "no text": b"\xff\xfe\x00",
    "half of a message": b'{"method": "emit"',
    "JSON that is too deep": b"[" * 100_000,
    "null": None,
    "no method": {"method": None},
    "a method that is an object": {"method": {"a": 1}},
    "an emit of nothing": {"method": "emit"},
    "an event that is a number": {"method": "emit", "event": 7, "data": [{}], "room": "nowhere"},
    "data that are an object": {"method": "emit", "event": "x", "data": {"a": 1}, "room": ["nowhere"]},
    "a room that is an object": {"method": "emit", "event": "x", "data": [{}], "room": {"a": 1}},
    "text said to be binary": {"method": "emit", "event": "x", "data": ["text"], "binary": True, "room": "nowhere"},
    "a message of no subject": {"message": 1},
    "a message of an unknown subject": {"subject": "nothing", "message": {}},
    "a subject that is an object": {"subject": {"a": 1}, "message": {}},
    "arrivals that are a number": {"subject": "arrivals", "message": 7},
    "a revocation of a list": {"subject": "losses", "message": ["x"]},
    "nobody who is forgotten": {"subject": "forgotten", "message": None},
    "an acknowledgement for nobody": {"method": "callback", "host_id": None},
    "a list to disconnect": {"method": "disconnect", "sid": ["x"]},
    "nobody to enter a room": {"method": "enter_room", "sid": None, "room": {}},
}


def changed(**fields):
    return lambda good: good | fields


def figures(**fields):
    names = ["scope", "epoch", "revision", "visits", "total", "unique_visitors", "day", "day_visits"]
    names += ["last_ms", "last_place"]
    return lambda good: good | {"figures": list((dict(zip(names, good["figures"], strict=True)) | fields).values())}


NONSENSE = {
    "an empty object": lambda good: {},
    "no figures": changed(figures=None),
    "too few figures": changed(figures=[1, 2]),
    "no census": changed(census=None),
    "a newer census of nothing": changed(census=[HUGE, None]),
    "a newer census that counts in text": changed(census=[HUGE, {"Dhaka, BD": "many"}]),
    "a newer census that counts below zero": changed(census=[HUGE, {"Dhaka, BD": -3}]),
    "a census with a version of text": changed(census=["new", {}]),
    "no revision": changed(revision=None),
    "newer figures without a total": figures(revision=HUGE, total=None),
    "newer figures with a lower total": figures(revision=HUGE, total=-5),
    "older figures": figures(revision=1, total=0),
    "figures of another scope": figures(scope="nowhere", revision=HUGE, total=9_000_000),
    "figures of another database": figures(epoch=HUGE, total=7),
    "a last visit beyond all dates": figures(last_ms=10**30),
    "a last visit at a number": figures(last_place=5),
    "a revision far ahead": changed(revision=HUGE),
    "a revision beyond all dates": changed(revision=10**30),
}


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis):
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url))


@pytest.fixture
def outside(server, redis):
    """Flask-SocketIO in another process, such as a cron job."""
    wait_until(lambda: redis.heard_by(QUEUE) == 2, "both workers hear it")
    return SocketIO(message_queue=redis.url)


def publish(redis, message, channel):
    data = message if isinstance(message, bytes) else json.dumps(message)
    with redis.client() as client:  # a worker that could not read the last message subscribes again
        wait_until(lambda: client.publish(channel, data) == 2, "both workers listen", PATIENCE_S)


def value(state):
    return {"from": "another", "state": state}


def capture_state(server, redis):
    """Capture the message that a worker publishes after a visit."""
    with redis.client() as client, client.pubsub(ignore_subscribe_messages=True) as line:
        line.subscribe(STATS)
        total = server.register("ayesha").ordinal
        return wait_until(lambda: _state_with(total, line.get_message()), "the state is said", PATIENCE_S)


def _state_with(total, message):
    content = json.loads(message["data"]) if message and message["type"] == "message" else {}
    state = content.get("state", {"figures": ()})
    return state if total in state["figures"] else None


def assert_works(server, redis, *messages, channels=CHANNELS):
    """Assert that after `messages`, visits on each worker are answered and pushed to all pages, and no total falls."""
    with worker_connections(server) as each_worker, pages(server) as open_pages:
        before = each_worker[0].register("ayesha").ordinal
        for channel in channels:
            for message in messages:
                publish(redis, message, channel)
        assert_received(each_worker, flat(open_pages), visits=6)
        wait_until_same(flat(open_pages), each_worker, PATIENCE_S, lambda stats: stats.total == before + 6)
        for page in flat(open_pages):
            assert_never_fell(page)


def test_events_of_another_process_reach_every_page_unchanged(server, outside):
    notices = [{"type": "notice", "number": number, "text": "কই যাবো"} for number in range(5)]
    shown = server.register("ayesha").stats.raw
    newer = shown | {"totalVisitors": 9000, "totalVisits": 9000, "revision": shown["revision"] + 60_000}
    with pages(server) as open_pages:
        for notice in notices:
            outside.emit("notice", notice, to="stats")
        outside.emit("visitor_update", {"type": "visitor_update", "stats": newer}, to="stats")
        for page in flat(open_pages):
            assert page.wait_for_total(9000).raw == newer
            assert [received.event for received in page.of_type("notice")] == notices


def test_invalid_messages_on_the_channel_are_ignored(server, redis):
    assert_works(server, redis, *RUBBISH.values())


def test_invalid_state_of_a_worker_is_ignored(server, redis):
    good = capture_state(server, redis)
    assert_works(server, redis, *(value(nonsense(good)) for nonsense in NONSENSE.values()), channels=[STATS])


def test_state_from_a_clock_far_ahead_is_refused_and_logged(server, redis):
    good = capture_state(server, redis)
    before = len(server.log)
    with pages(server):  # workers subscribe to a room only while it has members
        publish(redis, value(changed(revision=HUGE)(good)), STATS)
    wait_until(lambda: "an hour ahead" in server.log[before:], "the refusal is in the log", PATIENCE_S)
    assert "Traceback" not in server.log[before:]


IMPORT = "from koyjabo.realtime import visitor_broadcaster as b\n"
NOTHING_ELSE = "import sys; assert not {'flask', 'sqlalchemy', 'eventlet'} & set(sys.modules), sys.modules\n"
Sockets = tuple[list[CommunityListener], list[CommunityListener]]
COMMUNITY = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"


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
