"""Online members on several workers: all workers reach the same count, which Redis decides.

test_members_model tests random sequences. These tests produce rare timings.
"""

import pytest
from support.application.member_workers import GRACE_S, HIKERS, LEASE_S, RIDERS, counts, redis_world

from koyjabo.base.models import Scope
from koyjabo.presence.members.online_members import Online, OnlineMember
from koyjabo.presence.members.redis_script import BATCH
from koyjabo.presence.members.redis_store import FORGET_MS

MANY = 2 * BATCH + 1
"""More people than one call to Redis can contain."""


@pytest.fixture
def world(redis_server):
    with redis_world(redis_server) as world:
        yield world


@pytest.fixture
def two(world):
    """Two workers that have both read the online members."""
    workers = world.new_worker(), world.new_worker()
    assert counts(*workers) == [0, 0]
    return workers


def test_person_with_tabs_on_two_workers_is_one_at_every_moment(world, two):
    here, there = two
    begin_ms = world.time.ms
    here.members.connect(HIKERS, "ayesha", "1")
    world.settle()
    before = there.members.online(HIKERS)
    with there.held_back():  # Redis does not know of it yet
        there.members.connect(HIKERS, "ayesha", "2")
        assert there.members.online(HIKERS) == before
    there.members.connect(HIKERS, "ayesha", "3")
    world.settle()
    assert here.members.people(HIKERS) == there.members.people(HIKERS) == [OnlineMember("ayesha", begin_ms, 3)]
    here.members.connection_lost(HIKERS, "ayesha", "1")
    world.pass_(seconds=2 * LEASE_S)  # the grace period ends, but not the others' leases
    assert [worker.members.online(HIKERS) for worker in two] == [before, before]
    assert (here.news, there.news) == ([(HIKERS, 1)], [(HIKERS, 1)])
    for tab in "23":
        assert counts(*two) == [1, 1]
        there.members.disconnect(HIKERS, "ayesha", tab)
        world.settle()
    assert counts(*two) == [0, 0]


def test_people_of_a_killed_worker_are_gone_after_their_lease(world, two):
    """They leave all at once, and each of the other workers reports it once."""
    killed = world.new_worker()
    two[0].members.connect(HIKERS, "ayesha", "1")
    world.settle()
    with killed.held_back():
        for number in range(MANY):
            killed.members.connect(HIKERS, f"person{number}", "1")
        killed.members.connect(HIKERS, "ayesha", "1")
    killed.look()  # all of them are there before others look
    world.settle()
    assert two[0].members.online_in("person1", [HIKERS, RIDERS]) == {HIKERS}
    world.kill(killed)
    world.pass_(seconds=LEASE_S - 4)  # in Redis, real time passes as well
    assert counts(*two) == [MANY + 1, MANY + 1]
    world.let_leases_end(4000)  # no worker has read since
    assert two[0].members.online_in("person1", [HIKERS]) == set()
    world.settle()
    assert [worker.news for worker in two] == [[(HIKERS, 1), (HIKERS, MANY + 1), (HIKERS, 1)]] * 2
    assert two[0].members.online(HIKERS) == two[1].members.online(HIKERS)
    assert two[1].members.people(HIKERS) == [OnlineMember("ayesha", world.time.ms - (LEASE_S - 4) * 1000, 1)]


def test_newer_count_of_another_worker_is_adopted_but_its_estimate_is_not(world, two):
    here, there = two
    here.members.connect(HIKERS, "ayesha", "1")
    here.flush()
    online = here.members.online(HIKERS)
    there.members.apply_remote(HIKERS, Online._make(online))
    for wrong in (Online(online.version - 1, 7), Online(online.version + 1000, 7, is_estimate=True)):
        there.members.apply_remote(HIKERS, wrong)
        assert there.members.online(HIKERS) == online


def test_late_response_changes_nothing(world, two):
    here, there = two
    ask = here.members._script.ask

    def slow(requests):
        answers = ask(requests)
        there.members.connect(HIKERS, "babul", "1")
        there.look()
        here.members.apply_remote(HIKERS, there.members.online(HIKERS))
        return answers

    here.members._script.ask = slow
    here.members.connect(HIKERS, "ayesha", "1")
    here.flush()
    assert counts(*two) == [2, 2]


@pytest.mark.parametrize("comes_back", [True, False])
def test_goodbye_while_the_arrival_is_on_its_way_is_not_lost(world, comes_back):
    worker = world.new_worker()
    ask, says = worker.members._script.ask, iter(["disconnect", "connect"] if comes_back else ["disconnect"])

    def meanwhile(requests):
        answers = ask(requests)
        if action := next(says, None):
            getattr(worker.members, action)(HIKERS, "ayesha", "1")
        return answers

    worker.members._script.ask = meanwhile
    worker.members.connect(HIKERS, "ayesha", "1")
    world.settle()
    assert counts(worker) == [int(comes_back)]


def test_version_does_not_fall_when_redis_loses_its_data_and_its_time(world):
    worker = world.new_worker()
    worker.members.connect(HIKERS, "ayesha", "1")
    worker.look()
    far = worker.members.online(HIKERS).version + 10**9  # from an earlier Redis with a fast clock
    worker.members.apply_remote(HIKERS, Online(far, 5))
    worker.look()
    assert worker.members.online(HIKERS).version > far
    assert counts(worker) == [1]


def test_empty_scope_leaves_nothing_behind(world, two):
    here, there = two
    for worker in two:
        worker.members.connect(HIKERS, "ayesha", "1")
        worker.members.connect(HIKERS, "babul", "1")
    world.settle()
    here.members.disconnect(HIKERS, "ayesha", "1")
    here.members.connection_lost(HIKERS, "babul", "1")
    world.kill(there)
    world.pass_(seconds=LEASE_S + GRACE_S)
    with world.redis.client() as client:
        assert client.keys("koyjabo:online:*") == ["koyjabo:online:{hikers}:state"]
        assert client.pttl("koyjabo:online:{hikers}:state") > 0
    world.pass_(milliseconds=FORGET_MS)
    assert here.members._mirrors == {}


# How often workers call Redis, and for how many people at once.


def note_calls(worker) -> list[list[int]]:
    """From now on, record how many people each request in each call contains."""
    calls, ask = [], worker.members._script.ask

    def noted(requests):
        calls.append([len(request.reports) for request in requests])
        return ask(requests)

    worker.members._script.ask = noted
    return calls


def test_refresh_queries_redis_once_and_renews_leases_in_batches(world):
    worker = world.new_worker()
    for number in range(20):
        worker.members.connect(Scope(f"community{number}"), "ayesha", "1")
    for number in range(2 * BATCH):
        worker.members.connect(HIKERS, f"person{number}", "1")
    worker.look()
    calls = note_calls(worker)
    for _ in range(4):
        world.time.pass_(seconds=1)
        worker.look()
    assert calls == [[0] * 21] * 4
    calls.clear()
    for _ in range(5):
        world.time.pass_(seconds=1)
        worker.look()
    assert sorted(people for call in calls for people in call if people) == [1] * 20 + [BATCH] * 2
    assert len(calls) <= 5 + 3
