"""Messages that other processes publish on the channel: events reach every page unchanged, and invalid messages are
ignored.
"""

from __future__ import annotations

import json

import pytest
from flask_socketio import SocketIO
from support.clients.worker_connections import (
    assert_never_fell,
    assert_received,
    flat,
    pages,
    two_workers,
    wait_until_same,
    worker_connections,
)
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

QUEUE, WORKERS, STATS = CHANNELS = "flask-socketio", "koyjabo:workers", "koyjabo:room:stats"
SOON_S = PATIENCE_S
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
        wait_until(lambda: client.publish(channel, data) == 2, "both workers listen", SOON_S)


def value(state):
    return {"from": "another", "state": state}


def capture_state(server, redis):
    """Capture the message that a worker publishes after a visit."""
    with redis.client() as client, client.pubsub(ignore_subscribe_messages=True) as line:
        line.subscribe(STATS)
        total = server.register("ayesha").ordinal
        return wait_until(lambda: _state_with(total, line.get_message()), "the state is said", SOON_S)


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
        wait_until_same(flat(open_pages), each_worker, SOON_S, lambda stats: stats.total == before + 6)
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


def test_values_of_1_0_0_workers_reach_no_page(server, redis, outside):
    """During an upgrade, 1.0.0 workers share the Socket.IO queue with this version."""
    message = {"type": "koyjabo:value", "figures": []}
    with pages(server) as open_pages:
        publish(redis, {"method": "emit", "event": "koyjabo:value", "room": "stats", "data": [message]}, QUEUE)
        outside.emit("notice", {"type": "notice"}, to="stats")
        for page in flat(open_pages):
            page.next_of_type("notice")
            assert page.of_type("koyjabo:value") == []


def test_invalid_state_of_a_worker_is_ignored(server, redis):
    good = capture_state(server, redis)
    assert_works(server, redis, *(value(nonsense(good)) for nonsense in NONSENSE.values()), channels=[STATS])


def test_state_from_a_clock_far_ahead_is_refused_and_logged(server, redis):
    good = capture_state(server, redis)
    before = len(server.log)
    with pages(server):  # workers subscribe to a room only while it has members
        publish(redis, value(changed(revision=HUGE)(good)), STATS)
    wait_until(lambda: "an hour ahead" in server.log[before:], "the refusal is in the log", SOON_S)
    assert "Traceback" not in server.log[before:]
