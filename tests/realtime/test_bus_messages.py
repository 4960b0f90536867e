"""Messages that other processes publish: events reach every page unchanged, and invalid messages are ignored."""

import json
import pickle
import re
import uuid
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from flask_socketio import SocketIO
from redis import exceptions as redis_errors
from same_numbers import wait_until_same
from support.clients.members import Member, PlainMember
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

from koyjabo.counting.records import CounterSnapshot
from koyjabo.realtime import VisitorBroadcaster, visitor_broadcaster
from koyjabo.realtime.broadcaster import NowhereToBroadcast

QUEUE, STATS = "flask-socketio", "koyjabo:room:stats"
CHANNELS = (QUEUE, "koyjabo:workers", STATS)
HUGE = 10**18

RUBBISH = {
    "no JSON": b"rubbish",
    "no text": b"\xff\xfe\x00",
    "JSON that is too deep": b"[" * 100_000,
    "a method that is an object": {"method": {"a": 1}},
    "an event that is a number": {"method": "emit", "event": 7, "data": [{}], "room": "nowhere"},
    "data that are an object": {"method": "emit", "event": "x", "data": {"a": 1}, "room": ["nowhere"]},
    "text said to be binary": {"method": "emit", "event": "x", "data": ["text"], "binary": True, "room": "nowhere"},
    "a message of no subject": {"message": 1},
    "a subject that is an object": {"subject": {"a": 1}, "message": {}},
    "arrivals that are a number": {"subject": "arrivals", "message": 7},
    "a revocation of a list": {"subject": "losses", "message": ["x"]},
    "an acknowledgement for nobody": {"method": "callback", "host_id": None},
    "nobody to enter a room": {"method": "enter_room", "sid": None, "room": {}},
}


def changed(**fields):
    return lambda good: good | fields


def figures(**fields):
    return lambda good: good | {"figures": CounterSnapshot._make(good["figures"])._replace(**fields)}


NONSENSE = {
    "too few figures": changed(figures=[1, 2]),
    "no census": changed(census=None),
    "a newer census that counts in text": changed(census=[HUGE, {"Dhaka, BD": "many"}]),
    "a newer census that counts below zero": changed(census=[HUGE, {"Dhaka, BD": -3}]),
    "newer figures with a lower total": figures(revision=HUGE, total=-5),
    "older figures": figures(revision=1, total=0),
    "figures of another scope": figures(scope="nowhere", revision=HUGE, total=9_000_000),
    "figures of another database": figures(epoch=HUGE, total=7),
    "a last visit beyond all dates": figures(last_ms=10**30),
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
    return SocketIO(message_queue=redis.url, async_mode="threading")


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


def test_a_pickled_message_is_not_read_but_named_once_by_each_worker_and_counted(server, redis):
    """python-socketio pickled its messages before 5.14."""
    before = refused_messages(server)
    for number in range(3):
        publish(redis, pickle.dumps({"method": "emit", "event": "notice", "data": number}), QUEUE)
    wait_until(lambda: refused_messages(server) == before + 6, "both workers count them")
    lines = [line for line in server.log.splitlines() if "channel=flask-socketio" in line and "python-socketio" in line]
    assert len(lines) == 2, server.log
    assert all("bus_message_refused" in line and "5.14" in line for line in lines)


def refused_messages(server) -> float:
    return sum(map(float, re.findall(r"^koyjabo_bus_messages_refused_total (.+)$", server.metrics(), re.MULTILINE)))


def test_events_that_another_process_publishes_reach_every_page_unchanged(server, outside):
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


def test_invalid_messages_on_the_channels_are_ignored(server, redis):
    assert_works(server, redis, *RUBBISH.values())


def test_an_invalid_state_of_another_worker_is_ignored(server, redis):
    good = capture_state(server, redis)
    assert_works(server, redis, *(value(nonsense(good)) for nonsense in NONSENSE.values()), channels=[STATS])


COMMUNITY = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"
PROGRAM = """
import sys
from koyjabo.realtime import visitor_broadcaster as broadcaster
community = sys.argv[1]
broadcaster.broadcast_visitor_count(community, count=42, change=1)
broadcaster.broadcast_visitor_joined(community, count=43)
broadcaster.broadcast_visitor_left(community, count=42)
broadcaster.broadcast_dashboard_update(community, {"today_visitors": {}, "realtime_count": 42})
broadcaster.broadcast_analytics_metric(community, metric="load", value=14.5)
assert not {"flask", "sqlalchemy", "eventlet"} & set(sys.modules), sys.modules
"""


def test_a_program_with_only_redis_can_broadcast_until_the_next_change(server, redis, founder, community):
    wait_until(lambda: redis.heard_by(QUEUE) == 2, "both workers hear the queue")
    left, right = server.workers()
    with only(server, left):
        visitors = PlainMember(server.port, community, founder.token)
        visitors.wait_for_count(1)
    with only(server, right):
        dashboard = PlainMember(server.port, community, founder.token, "visitor-dashboard/")
        dashboard.next_of_type("dashboard_update")
    with visitors, dashboard:
        done = run("-c", PROGRAM, community, REDIS_URL=redis.url)
        assert done.returncode == 0, done.stderr
        data = {"today_visitors": {}, "realtime_count": 42, "community_id": community}
        for listener, event in (
            (visitors, {"type": "visitor_count", "count": 42, "change": 1}),
            (visitors, {"type": "visitor_joined", "count": 43, "change": 1}),
            (visitors, {"type": "visitor_left", "count": 42, "change": -1}),
            (dashboard, {"type": "dashboard_update", "data": data}),
            (dashboard, {"type": "analytics_update", "metric": "load", "value": 14.5}),
        ):
            wait_until(partial(has_received, listener, event), str(event))
        with PlainMember(server.port, community, Member(server).join(community).token) as joiner:
            assert joiner.wait_for_count(2)
            assert visitors.wait_for_count(2)["type"] == "visitor_joined"


def has_received(listener: PlainMember, expected: dict[str, Any]) -> bool:
    return any({**received.event, **expected} == received.event for received in listener.received)


def test_a_broadcast_with_bad_arguments_is_refused():
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


def test_a_broadcast_without_an_application_or_redis_fails(monkeypatch):
    assert isinstance(visitor_broadcaster, VisitorBroadcaster)
    monkeypatch.delenv("REDIS_URL", raising=False)
    with pytest.raises(NowhereToBroadcast, match="REDIS_URL"):
        VisitorBroadcaster().broadcast_visitor_joined(uuid.UUID(COMMUNITY), count=1)
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(redis_errors.ConnectionError):
        VisitorBroadcaster().broadcast_visitor_joined(COMMUNITY, count=1)
