"""Who is here when Redis comes back (specification: Failures)."""

from __future__ import annotations

import pytest
from support.member_worlds import HIKERS, LEASE_S, counts

from koyjabo.presence.members.redis_mirror import REJOIN_MS
from koyjabo.presence.members.redis_script import BATCH

pytestmark = pytest.mark.waits


def test_workers_agree_when_redis_is_back(world, two):
    here, there = two
    world.fail(here, there, failure="freeze")
    here.members.connect(HIKERS, "deepa", "1")
    there.members.connect(HIKERS, "deepa", "1")
    there.members.disconnect(HIKERS, "babul", "1")
    here.members.disconnect(HIKERS, "chandra", "1")
    assert counts(here, there) == [4, 3]
    guesses = [worker.members.online(HIKERS).version for worker in two]
    world.redis.thaw()
    for worker in two:
        worker.look_until_redis_answers()
    world.time.pass_(milliseconds=REJOIN_MS)
    world.settle()
    assert counts(here, there) == [3, 3]
    assert here.members.online(HIKERS) == there.members.online(HIKERS)
    assert here.members.online(HIKERS).version > max(guesses)
    assert not here.members.online(HIKERS).is_estimate


@pytest.mark.parametrize("failure", ["kill", "unnoticed", pytest.param("freeze", marks=pytest.mark.long)])
def test_nobody_is_seen_to_leave_when_all_leases_ran_out_or_were_lost(world, two, failure):
    """The worker that comes back first finds nobody but its own people in Redis."""
    here, there = two
    before = here.members.online(HIKERS).version
    if failure == "unnoticed":
        world.redis.restart()
    else:
        world.fail(here, there, failure=failure)
        world.time.pass_(seconds=2 * LEASE_S)
        world.redis.thaw() if failure == "freeze" else world.redis.start()
        world.let_leases_end(2 * LEASE_S * 1000)
    for worker in (there, here):
        worker.look_until_redis_answers()
    for _ in range(4):
        world.time.pass_(seconds=1)
        world.settle()
    assert counts(here, there) == [3, 3]
    assert (here.news, there.news) == ([], [])
    assert here.members.online(HIKERS) == there.members.online(HIKERS)
    assert here.members.online(HIKERS).version > before


def test_worker_that_knows_nothing_of_before_makes_nobody_leave(world, two):
    """One that was started while Redis was away looks before others have said again whom they hold."""
    here, there = two
    world.fail(here, there)
    world.time.pass_(seconds=LEASE_S)
    world.redis.start()
    stranger = world.new_worker()
    stranger.members.connect(HIKERS, "deepa", "1")
    stranger.flush()
    for _ in range(2):
        for worker in two:
            worker.members.apply_remote(HIKERS, stranger.members.online(HIKERS))
        assert counts(stranger) == [1]
        assert min(counts(here, there)) >= 3
        here.look_until_redis_answers()
    world.settle()
    assert counts(stranger, here, there) == [4, 4, 4]
    assert (here.news, there.news) == ([(HIKERS, 4)], [(HIKERS, 4)])


def test_worker_without_people_of_its_own_makes_nobody_leave(world, two):
    onlooker = world.new_worker()
    assert onlooker.members.wait_until_counted(HIKERS, "nobody", 5)
    onlooker.news.clear()
    world.redis.restart()
    onlooker.look_until_redis_answers()
    assert counts(onlooker) == [3]
    for worker in two:
        worker.look_until_redis_answers()
    world.time.pass_(milliseconds=REJOIN_MS)
    world.settle()
    assert counts(onlooker, *two) == [3, 3, 3]
    assert onlooker.news == []


def test_those_of_a_worker_that_died_meanwhile_are_gone_once_others_were_waited_for(world, two):
    """Arrivals and departures are counted in the meantime."""
    here, there = two
    world.fail(here)
    world.kill(there)
    world.time.pass_(seconds=2 * LEASE_S)
    world.redis.start()
    here.look_until_redis_answers()
    here.members.connect(HIKERS, "deepa", "1")
    here.flush()
    assert counts(here) == [4]
    here.members.disconnect(HIKERS, "ayesha", "1")
    here.flush()
    assert counts(here) == [3]
    world.time.pass_(milliseconds=REJOIN_MS)
    world.settle()
    assert here.news == [(HIKERS, 4), (HIKERS, 3), (HIKERS, 2)]


def test_many_are_not_seen_to_come_back_one_by_one(world):
    worker = world.new_worker()
    for number in range(2 * BATCH + 1):
        worker.members.connect(HIKERS, f"person{number}", "1")
    world.settle()
    worker.news.clear()
    world.redis.restart()
    worker.members.connect(HIKERS, "ayesha", "1")
    world.settle()
    assert counts(worker) == [2 * BATCH + 2]
    assert worker.news == [(HIKERS, 2 * BATCH + 2)]


def test_server_that_starts_without_redis_counts_its_own(world):
    world.redis.kill()
    worker = world.new_worker()
    worker.members.connect(HIKERS, "ayesha", "1")
    assert not worker.members.wait_until_counted(HIKERS, "ayesha", 0.3)
    assert counts(worker) == [1]
    world.redis.start()
    worker.look_until_redis_answers()
    world.settle()
    assert counts(worker) == [1]
    assert not worker.members.online(HIKERS).is_estimate


def test_scripts_that_redis_has_forgotten_are_given_again(world, two):
    here, there = two
    with world.redis.client() as client:
        client.script_flush()
    here.members.connect(HIKERS, "deepa", "1")
    world.settle()
    assert counts(here, there) == [4, 4]
    assert len(here.members.people(HIKERS)) == 4
