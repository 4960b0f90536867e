"""The outbox knows whether Redis answers (koyjabo.cluster.outbox)."""

from __future__ import annotations

from support.processes import wait_until
from support.visitor_worlds import Line


def test_outage_is_ended_by_an_answer_once_and_not_by_a_send_that_had_nothing_to_send(mortal_redis):
    returns = []
    line = Line(mortal_redis.url, lambda: returns.append("Redis is back"))

    def send(what) -> None:
        line.outbox.send_newest("key", what)
        line.outbox.drain()

    mortal_redis.kill()
    for what in (line.client.ping, lambda: None):
        send(what)
        assert not line.outbox.reachable
    mortal_redis.start()
    send(line.client.ping)
    wait_until(lambda: line.outbox.reachable, "Redis is back")
    send(line.client.ping)
    assert len(returns) == 1
