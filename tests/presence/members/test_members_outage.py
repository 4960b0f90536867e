"""Online members while Redis is down or frozen, and after it returns (specification: Failures)."""

import time

import pytest
from support.application.member_workers import GRACE_S, HIKERS, LEASE_S, counts, redis_world
from support.application.visitor_workers import assert_none_waits
from support.programs.patience import PATIENCE_S

from koyjabo.presence.members import redis_store
from koyjabo.presence.members.online_members import Online, OnlineMember
from koyjabo.presence.members.redis_mirror import REJOIN_MS
from koyjabo.presence.members.redis_script import BATCH

LONG_S = PATIENCE_S
"""Limit for callers that do not have to wait, in seconds. They take much less."""


@pytest.fixture
def world(disposable_redis):
    with redis_world(disposable_redis) as world:
        yield world


@pytest.fixture
def two(world):
    """Two workers: Ayesha is on the first, Babul on the second, and Chandra on both."""
    here, there = world.new_worker(), world.new_worker()
    here.members.connect(HIKERS, "ayesha", "1")
    there.members.connect(HIKERS, "babul", "1")
    for worker in (here, there):
        worker.members.connect(HIKERS, "chandra", "1")
    world.settle()
    world.pass_(seconds=LEASE_S)  # each has renewed its leases, and so knows the other's members
    assert counts(here, there) == [3, 3]
    here.news.clear(), there.news.clear()
    return here, there


@pytest.mark.parametrize("failure", ["kill", "freeze"])
def test_no_caller_waits_for_redis(world, two, failure):
    here, _ = two
    people: list[str] = []

    def one_more_comes() -> None:
        people.append(f"person{len(people)}")
        here.members.connect(HIKERS, people[-1], "1")
        here.members.connection_lost(HIKERS, "ayesha", "1")
        here.members.connect(HIKERS, "ayesha", "1")
        here.members.disconnect(HIKERS, "nobody", "1")
        here.members.online(HIKERS)
        here.members.apply_remote(HIKERS, Online(0, 7))
        here.members.refresh()
        here.members.refresh()

    getattr(world.redis, failure)()
    assert_none_waits(here.outbox, one_more_comes)
    assert counts(here) == [3 + len(people)]
    assert here.news[-1] == (HIKERS, 3 + len(people))


def test_arrivals_are_estimated_as_soon_as_redis_is_silent(world, two):
    here, _ = two
    begin_ms = world.time.ms - LEASE_S * 1000
    world.redis.freeze()
    assert here.members.people(HIKERS) == [OnlineMember(user, begin_ms, 1) for user in ("ayesha", "chandra")]
    here.members.connect(HIKERS, "deepa", "1")
    for milliseconds, count in ((0, 3), (redis_store.SILENCE_MS - 1, 3), (1, 4)):
        world.time.pass_(milliseconds=milliseconds)
        here.members.refresh()
        assert counts(here) == [count]
    assert here.news == [(HIKERS, 4)]


def test_settled_count_is_a_guess_when_patience_ends(world, two):
    here, _ = two
    world.redis.freeze()
    here.members.connect(HIKERS, "deepa", "1")
    began = time.monotonic()
    assert not here.members.wait_until_counted(HIKERS, "deepa", 0.3)
    assert time.monotonic() - began > 0.29
    assert here.members.online(HIKERS)[1:] == (4, True)


def test_no_caller_waits_for_a_redis_that_is_known_to_be_away(world, two, monkeypatch):
    here, _ = two
    monkeypatch.setattr(redis_store, "PEOPLE_PATIENCE_S", 2 * LONG_S)
    world.fail(here)
    here.members.connect(HIKERS, "deepa", "1")
    assert counts(here) == [4]
    began = time.monotonic()
    assert not here.members.wait_until_counted(HIKERS, "deepa", 2 * LONG_S)
    assert here.members.wait_until_counted(HIKERS, "ayesha", 2 * LONG_S)  # everything about her was sent before
    assert [here.person for here in here.members.people(HIKERS)] == ["ayesha", "chandra", "deepa"]
    assert time.monotonic() - began < LONG_S


def test_without_redis_own_members_change_and_members_of_other_workers_stay(world, two):
    here, _ = two
    world.fail(here)
    for _ in range(10):
        world.time.pass_(seconds=LEASE_S)
        here.members.refresh()
    here.members.disconnect(HIKERS, "chandra", "1")  # she is on both workers
    here.members.refresh()
    assert (counts(here), here.news) == ([3], [])
    changes = [("connect", "deepa", 4), ("connect", "ela", 5), ("disconnect", "ayesha", 4), ("connect", "ayesha", 5)]
    versions = []
    for change, person, count in changes:
        getattr(here.members, change)(HIKERS, person, "1")
        assert here.news[-1] == (HIKERS, count)
        versions.append(here.members.online(HIKERS).version)
    assert versions == sorted(set(versions))
    here.members.connection_lost(HIKERS, "deepa", "1")
    world.time.pass_(seconds=GRACE_S)
    here.members.refresh()
    assert here.news[-1] == (HIKERS, 4)


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


@pytest.mark.parametrize("failure", ["kill", "unnoticed"])
def test_no_member_leaves_when_all_leases_have_expired_or_were_lost(world, two, failure):
    """The worker that reconnects first has no members, and the next finds only its own in Redis."""
    here, there = two
    onlooker = world.new_worker()
    assert onlooker.members.wait_until_counted(HIKERS, "nobody", PATIENCE_S)
    onlooker.news.clear()
    before = here.members.online(HIKERS).version
    if failure == "unnoticed":
        world.redis.restart()
    else:
        world.fail(here, there, onlooker)
        world.time.pass_(seconds=2 * LEASE_S)
        world.redis.start()
        world.let_leases_end(2 * LEASE_S * 1000)
    for worker in (onlooker, there, here):
        worker.look_until_redis_answers()
    for _ in range(4):
        world.time.pass_(seconds=1)
        world.settle()
    assert counts(onlooker, here, there) == [3, 3, 3]
    assert (onlooker.news, here.news, there.news) == ([], [], [])
    assert here.members.online(HIKERS) == there.members.online(HIKERS)
    assert here.members.online(HIKERS).version > before


def test_new_worker_makes_no_member_leave(world, two):
    """A worker that started during the outage reads before the others have sent their members again."""
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


def test_people_of_a_worker_that_died_while_redis_was_away_leave_after_the_wait(world, two):
    """Arrivals and departures are counted during the outage."""
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
