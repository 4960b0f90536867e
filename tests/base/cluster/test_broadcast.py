"""All workers, including the sender, receive messages in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.databases.redis import Redis
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

from koyjabo.base.cluster import redis_bus
from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.redis_bus import RedisBus
from koyjabo.base.cluster.redis_client import connect
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.core.signals import Signals

SUBJECT = "said"
TOGETHER = 30
LONG_S = PATIENCE_S


@contextmanager
def worker(redis: Redis) -> Iterator[tuple[RedisBus, list[Any]]]:
    """The bus of a listening worker, and the messages it has received."""
    runtime, signals, client = ThreadRuntime(), Signals(), connect(redis.url)
    received: list[Any] = []
    signals.message_received.connect(lambda subject, message: received.append(message), SUBJECT, weak=False)
    bus = RedisBus(client, RedisOutbox(runtime, client, lambda: None), runtime, signals, 0.01)
    bus.start(on_queue=lambda data: None)
    wait_until(lambda: bus.broadcast("hello", 1), "it hears itself")
    yield bus, received
    client.close()


@pytest.mark.usefixtures("patient_with_redis")
def test_messages_have_the_order_of_the_calls_on_every_worker(disposable_redis, monkeypatch):
    with worker(disposable_redis) as (one, first), worker(disposable_redis) as (other, second):
        monkeypatch.setattr(redis_bus, "ECHO_S", LONG_S)
        messages = list(range(TOGETHER))
        for n in messages:
            assert (one, other)[n % 2].broadcast(SUBJECT, n)
            assert (first, second)[n % 2][-1] == n, "the sender has received it when the call returns"
        wait_until(lambda: len(first) == len(second) == TOGETHER, "all are received", every_s=0.002)
        assert first == second == messages


def test_message_that_did_not_come_back_never_does(disposable_redis):
    """Its sender delivers it in another way, so sending it later would duplicate it."""
    with worker(disposable_redis) as (bus, received):
        disposable_redis.freeze()
        assert bus.broadcast(SUBJECT, "lost") is False, "it gives up"
        disposable_redis.thaw()
        wait_until(lambda: bus.broadcast(SUBJECT, "found"), "Redis is back")
        assert received == ["found"]
