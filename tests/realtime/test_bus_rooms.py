"""A worker subscribes only to rooms where it has members."""

import json
import time
from collections import defaultdict
from contextlib import ExitStack

import pytest
from support.clients.listener import PlainListener
from support.clients.worker_connections import only, two_workers, worker_connections
from support.programs.processes import wait_until

from koyjabo.counting.records import CounterSnapshot

STATS = "koyjabo:room:stats"
INTERVAL_S = 0.5


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis):
    return two_workers(
        module_servers(module_sqlite_database, REDIS_URL=redis.url, PUBLISH_INTERVAL_MS=round(INTERVAL_S * 1000))
    )


def test_a_worker_publishes_once_in_each_interval_and_always_the_last_value(server, redis):
    """The other worker publishes as well, when it sees who is active."""
    began = time.monotonic()
    with redis.client() as client, client.pubsub(ignore_subscribe_messages=True) as line:
        line.subscribe(STATS)
        with worker_connections(server) as (connection, _):
            totals, asked, last = defaultdict[str, list[int]](list), {0: 0.0}, 0

            def published() -> list[int]:
                """What the worker has published that registers the visits."""
                if message := line.get_message(timeout=0.02):
                    message_ = json.loads(message["data"])
                    totals[message_["from"]].append(CounterSnapshot(*message_["state"]["figures"]).total)
                return max(totals.values(), key=len, default=[0])

            def waits() -> bool:
                """Whether the last value came within an interval after another one was published."""
                total = published()[-1]
                return total < last and time.monotonic() < asked.get(total, 0.0) + INTERVAL_S

            while time.monotonic() - began < 1.5 * INTERVAL_S or not waits():
                now = time.monotonic()
                last = connection.register("karim").ordinal
                asked[last] = now
                published()
            wait_until(lambda: published()[-1] == last, "the last value", every_s=0)
            most = (time.monotonic() - began) / INTERVAL_S + 1
            assert len(published()) <= most + 1, "one more if it was on its way when this began"


def test_a_worker_subscribes_to_a_room_only_while_it_has_members_there(server, redis):
    for channel in ("koyjabo:workers", "flask-socketio"):
        wait_until(lambda channel=channel: redis.heard_by(channel) == 2, "all workers hear it")
    wait_until(lambda: redis.heard_by(STATS) == 0, "the clients of earlier tests have left")
    with ExitStack() as stack:
        for number, worker in enumerate(server.workers(), 1):
            with only(server, worker):
                page = stack.enter_context(PlainListener(server.port))
                page.first()
            wait_until(lambda number=number: redis.heard_by(STATS) == number, "it hears the room")
    wait_until(lambda: redis.heard_by(STATS) == 0, "the room is empty")
