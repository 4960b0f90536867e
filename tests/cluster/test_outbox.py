"""The outbox knows whether Redis answers (koyjabo.cluster.outbox)."""

from __future__ import annotations

import pytest
from support.processes import wait_until

from koyjabo.cluster.outbox import Outbox
from koyjabo.cluster.redis_client import connect
from koyjabo.runtime import ThreadRuntime


class Sender:
    def __init__(self, url: str) -> None:
        self.client = connect(url)
        self.returns = 0
        self.outbox = Outbox(ThreadRuntime(), self.client.ping, self._count_return)

    def send(self, send) -> None:
        self.outbox.send_newest("key", send)
        self.outbox.drain()

    def _count_return(self) -> None:
        self.returns += 1


@pytest.fixture
def sender(mortal_redis) -> Sender:
    return Sender(mortal_redis.url)


def test_send_that_had_nothing_to_send_does_not_end_an_outage(sender, mortal_redis):
    mortal_redis.kill()
    try:
        sender.send(sender.client.ping)
        assert not sender.outbox.reachable
        sender.send(lambda: None)
        assert not sender.outbox.reachable
        assert sender.returns == 0
    finally:
        mortal_redis.start()


def test_answer_ends_an_outage_once(sender, mortal_redis):
    mortal_redis.kill()
    try:
        sender.send(sender.client.ping)
    finally:
        mortal_redis.start()
    sender.send(sender.client.ping)
    wait_until(lambda: sender.outbox.reachable, "Redis is back")
    sender.send(sender.client.ping)
    assert sender.returns == 1
