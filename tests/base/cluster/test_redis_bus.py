"""How often a worker publishes, with a clock set by the tests."""

from __future__ import annotations

import json

import redis

from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.redis_bus import Pace, RedisBus
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.core.signals import Signals


class Timers:
    def __init__(self):
        self.waiting = []

    def later(self, delay_s, call):
        self.waiting.append(call)

    def interval_ends(self):
        ended, self.waiting = self.waiting, []
        for call in ended:
            call()


def test_first_call_is_made_at_once_then_one_an_interval_and_always_the_last():
    timers, made = Timers(), []
    pace = Pace(timers, 0.25)

    def change(value, key="site"):
        pace.run(key, lambda: made.append(value))

    change(1)
    change("other", key="community")
    assert made == [1, "other"]
    for value in (2, 3, 4):
        change(value)
    timers.interval_ends()
    assert made == [1, "other", 4]
    change(5)
    for _ in range(3):
        timers.interval_ends()
    assert made == [1, "other", 4, 5]
    assert timers.waiting == []
    change(6)
    assert made[-1] == 6


class RedisAway:
    """A client whose commands fail until `is_back`."""

    def __init__(self):
        self.is_back, self.published = False, []

    def probe(self):
        pass

    def note(self, task, error=None):
        return False

    def run(self, command, channel, text):
        if not self.is_back:
            raise redis.ConnectionError("away")
        self.published.append(json.loads(text)["message"])


def test_changes_that_could_not_be_sent_are_put_back():
    client, changes = RedisAway(), {"mirpur": [1, 1]}
    outbox = RedisOutbox(ThreadRuntime(), client, lambda: None)
    bus = RedisBus(client, outbox, ThreadRuntime(), Signals(), 0.01)

    def take():
        taken = dict(changes)
        changes.clear()
        return taken

    for client.is_back in (False, True, True):
        bus.send_changes("arrivals", take, changes.update)
        outbox.drain()
    assert (client.published, changes) == ([{"mirpur": [1, 1]}], {})
