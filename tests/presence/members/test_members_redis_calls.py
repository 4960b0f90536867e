"""How often online members of several workers ask Redis, and for how many at once."""

from __future__ import annotations

import pytest
from support.member_worlds import HIKERS, LEASE_S, counts, redis_world

from koyjabo.models import Scope
from koyjabo.presence.members.redis_script import BATCH


@pytest.fixture
def world(redis_server):
    with redis_world(redis_server) as world:
        yield world


def counted_calls(worker) -> list[int]:
    """How many requests each call of Redis has, from now on."""
    calls, ask = [], worker.members._script.ask

    def counted(requests):
        calls.append(len(requests))
        return ask(requests)

    worker.members._script.ask = counted
    return calls


def test_pulse_asks_redis_once_for_all_scopes(world):
    worker = world.new_worker()
    scopes = [Scope(f"community{number}") for number in range(100)]
    for scope in scopes:
        worker.members.connect(scope, "ayesha", "1")
    worker.look()
    calls = counted_calls(worker)
    worker.look()
    assert calls == [100]
    world.time.pass_(seconds=LEASE_S / 2)
    calls.clear()
    worker.look()
    assert calls == [100]  # which renews the leases as well
    assert counts(worker, scope=scopes[-1]) == [1]


def test_leases_are_renewed_in_batches_at_half_their_time(world):
    worker = world.new_worker()
    for number in range(3 * BATCH):
        worker.members.connect(HIKERS, f"person{number}", "1")
    worker.look()
    sent = []
    ask = worker.members._script.ask

    def count_then_ask(requests):
        sent.extend(len(each.reports) for each in requests)
        return ask(requests)

    worker.members._script.ask = count_then_ask
    for _ in range(10):
        world.time.pass_(seconds=1)
        worker.look()
    renewals = [people for people in sent if people]
    assert renewals == [BATCH] * 6
    assert len(sent) - len(renewals) <= 10


def test_tabs_that_come_together_cost_few_calls(world):
    worker = world.new_worker()
    worker.look()
    calls = counted_calls(worker)
    for number in range(1000):
        worker.members.connect(HIKERS, f"person{number % 100}", f"{number}")
    worker.flush()
    assert len(calls) < 100
    assert counts(worker) == [100]
