"""Online members of several workers: all workers come to the same count, which Redis decides."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.member_worlds import GRACE_S, HIKERS, LEASE_S, counts, redis_world

from koyjabo.models import Scope
from koyjabo.presence.members.online_members import Online, OnlineMember
from koyjabo.presence.members.redis_script import BATCH
from koyjabo.presence.members.redis_store import FORGET_MS

PATIENCE_S = 10


@pytest.fixture
def world(redis_server):
    with redis_world(redis_server) as world:
        yield world


@pytest.fixture
def two(world):
    """Two workers who have asked who is here."""
    workers = world.new_worker(), world.new_worker()
    assert counts(*workers) == [0, 0]
    return workers


def test_workers_count_together(world, two):
    here, there = two
    here.members.connect(HIKERS, "ayesha", "1")
    there.members.connect(HIKERS, "babul", "1")
    world.settle()
    assert counts(*two) == [2, 2]
    assert here.members.online(HIKERS) == there.members.online(HIKERS)


def test_person_on_another_worker_is_found_until_its_lease_ends(world, two):
    here, there = two
    there.members.connect(HIKERS, "ayesha", "1")
    world.settle()
    assert here.members.online_in("ayesha", [HIKERS, Scope("riders")]) == {HIKERS}
    world.kill(there)
    world._let_leases_end((LEASE_S + 1) * 1000)  # and nobody has looked since
    assert here.members.online_in("ayesha", [HIKERS]) == set()


def test_tab_on_another_worker_is_never_counted_for_a_moment(world, two):
    here, there = two
    here.members.connect(HIKERS, "ayesha", "1")
    world.settle()
    before = there.members.online(HIKERS)
    there.news.clear()
    there.outbox.send_newest = lambda key, send: None  # nothing is sent until the test wants it
    there.members.connect(HIKERS, "ayesha", "2")
    assert there.members.online(HIKERS) == before
    del there.outbox.send_newest
    world.settle()
    here.members.disconnect(HIKERS, "ayesha", "1")
    world.settle()
    there.members.connect(HIKERS, "ayesha", "3")
    world.settle()
    assert [worker.members.online(HIKERS) for worker in two] == [before, before]
    assert (here.news, there.news) == ([(HIKERS, 1)], [])


def test_they_leave_with_the_last_line_on_any_worker(world, two):
    here, there = two
    for worker in two:
        worker.members.connect(HIKERS, "ayesha", "1")
    world.settle()
    here.members.disconnect(HIKERS, "ayesha", "1")
    world.settle()
    assert counts(*two) == [1, 1]
    there.members.disconnect(HIKERS, "ayesha", "1")
    world.settle()
    assert counts(*two) == [0, 0]


def test_line_lost_here_and_up_again_there_goes_unnoticed(world, two):
    here, there = two
    here.members.connect(HIKERS, "ayesha", "1")
    world.settle()
    here.members.connection_lost(HIKERS, "ayesha", "1")
    world.pass_(seconds=GRACE_S - 1)
    there.members.connect(HIKERS, "ayesha", "2")
    world.pass_(seconds=3 * GRACE_S)
    assert counts(*two) == [1, 1]
    assert (here.news, there.news) == ([(HIKERS, 1)], [(HIKERS, 1)])
    assert [person.connections for person in here.members.people(HIKERS)] == [1]


def test_settled_count_has_those_on_other_workers(world, two):
    here, there = two
    for number in range(5):
        here.members.connect(HIKERS, f"person{number}", "1")
    here.flush()
    there.members.connect(HIKERS, "ayesha", "1")
    assert there.members.wait_until_counted(HIKERS, "ayesha", PATIENCE_S)
    assert counts(there) == [6]


def test_scope_nobody_asked_about_before_is_looked_up(world):
    here, there = world.new_worker(), world.new_worker()
    here.members.connect(HIKERS, "ayesha", "1")
    here.flush()
    assert there.members.wait_until_counted(HIKERS, "nobody", PATIENCE_S)
    assert counts(there) == [1]
    assert there.news == [(HIKERS, 1)]


def test_people_of_a_killed_worker_are_gone_after_their_lease(world, two):
    here, there = two
    for person in ("ayesha", "babul"):
        there.members.connect(HIKERS, person, "1")
    here.members.connect(HIKERS, "ayesha", "1")
    world.settle()
    world.kill(there)
    world.pass_(seconds=LEASE_S - 1)
    assert counts(here) == [2]
    world.pass_(seconds=1)
    assert counts(here) == [1]
    assert here.news[-1] == (HIKERS, 1)
    assert [person.connections for person in here.members.people(HIKERS)] == [1]


def test_each_death_is_told_to_one_worker_and_seen_by_all(world):
    workers = [world.new_worker() for _ in range(3)]
    assert counts(*workers) == [0, 0, 0]
    for number in range(30):
        workers[-1].members.connect(HIKERS, f"person{number}", "1")
    world.settle()
    world.kill(workers.pop())
    world.pass_(seconds=LEASE_S)
    assert counts(*workers) == [0, 0]
    assert [worker.news for worker in workers] == [[(HIKERS, 30), (HIKERS, 0)]] * 2
    assert len({worker.members.online(HIKERS).version for worker in workers}) == 1


def test_those_who_stay_are_here_as_long_as_they_stay(world, two):
    for number, worker in enumerate(two):
        worker.members.connect(HIKERS, f"person{number}", "1")
    world.settle()
    before = [worker.members.online(HIKERS) for worker in two]
    world.pass_(seconds=10 * LEASE_S)
    assert [worker.members.online(HIKERS) for worker in two] == before


def test_worker_that_lives_though_its_leases_ran_out_says_them_again_at_once(world, two):
    """Redis's clock was put forward, or the machine slept: nobody was away, and nobody had to renew anything."""
    here, there = two
    for worker in two:
        worker.members.connect(HIKERS, "ayesha", "1")
    here.members.connect(HIKERS, "babul", "1")
    there.members.connect(HIKERS, "chandra", "1")
    world.settle()
    here.news.clear(), there.news.clear()
    world._let_leases_end(2 * LEASE_S * 1000)
    for worker in (there, here, there):
        worker.look()
        assert counts(*two) == [3, 3]
    assert (here.news, there.news) == ([], [])
    assert sorted(person.connections for person in here.members.people(HIKERS)) == [1, 1, 2]


def test_many_dead_are_not_seen_to_go_one_by_one(world, two):
    here, there = two
    for number in range(2 * BATCH + 1):
        there.members.connect(HIKERS, f"person{number}", "1")
    here.members.connect(HIKERS, "ayesha", "1")
    world.settle()
    here.news.clear()
    world.kill(there)
    world.pass_(seconds=LEASE_S)
    assert here.news == [(HIKERS, 1)]


def test_many_who_come_at_once_are_seen_to_come_at_once(world):
    worker = world.new_worker()
    worker.outbox.send_newest = lambda key, send: None
    for number in range(2 * BATCH + 1):
        worker.members.connect(HIKERS, f"person{number}", "1")
    del worker.outbox.send_newest
    world.settle()
    assert worker.news == [(HIKERS, 2 * BATCH + 1)]


def test_count_of_another_worker_is_adopted_when_it_is_newer(world, two):
    here, there = two
    here.members.connect(HIKERS, "ayesha", "1")
    here.flush()
    said = here.members.online(HIKERS)
    there.members.apply_remote(HIKERS, Online._make(said))
    assert there.members.online(HIKERS) == said
    there.members.apply_remote(HIKERS, said._replace(version=said.version - 1, count=7))
    assert there.members.online(HIKERS) == said


def test_guess_of_another_worker_is_not_adopted(world, two):
    here, there = two
    here.members.connect(HIKERS, "ayesha", "1")
    world.settle()
    said = here.members.online(HIKERS)
    there.members.apply_remote(HIKERS, Online(said.version + 1000, 7, is_estimate=True))
    assert there.members.online(HIKERS) == said


def test_answer_that_was_overtaken_changes_nothing(world, two):
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
        if each := next(says, None):
            getattr(worker.members, each)(HIKERS, "ayesha", "1")
        return answers

    worker.members._script.ask = meanwhile
    worker.members.connect(HIKERS, "ayesha", "1")
    world.settle()
    assert counts(worker) == [int(comes_back)]


def test_people_are_told_over_all_workers(world, two):
    here, there = two
    begin_ms = world.time.ms
    here.members.connect(HIKERS, "ayesha", "1")
    world.pass_(seconds=1)
    there.members.connect(HIKERS, "babul", "1")
    for tab in "234":
        there.members.connect(HIKERS, "ayesha", tab)
    world.settle()
    told = [OnlineMember("ayesha", begin_ms, 4), OnlineMember("babul", begin_ms + 1000, 1)]
    assert [worker.members.people(HIKERS) for worker in two] == [told, told]


def test_version_does_not_go_back_when_redis_lost_its_data_and_its_time(world):
    worker = world.new_worker()
    worker.members.connect(HIKERS, "ayesha", "1")
    worker.look()
    far = worker.members.online(HIKERS).version + 10**9  # some Redis before, whose clock was fast
    worker.members.apply_remote(HIKERS, Online(far, 5))
    worker.look()
    assert worker.members.online(HIKERS).version > far
    assert counts(worker) == [1]


def test_scope_that_nobody_is_in_leaves_nothing_behind(world, two):
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
        assert client.keys("koyjabo:online:*") == ["koyjabo:online:hikers:state"]
        assert client.pttl("koyjabo:online:hikers:state") > 0
    world.pass_(milliseconds=FORGET_MS)
    assert here.members._mirrors == {}


def test_scope_that_was_forgotten_is_guessed_to_be_empty_until_it_is_looked_up(world, two):
    here, there = two
    there.members.connect(HIKERS, "ayesha", "1")
    world.settle()
    before = here.members.online(HIKERS)
    world.pass_(milliseconds=FORGET_MS)
    here.outbox.send_newest = lambda key, send: None
    assert here.members.online(HIKERS) == Online(before.version, 0, is_estimate=True)
    del here.outbox.send_newest
    world.settle()
    assert counts(here) == [1]
    assert here.members.online(HIKERS).version > before.version
    assert not here.members.online(HIKERS).is_estimate


def test_workers_agree_after_a_storm(world):
    """Eight threads move lines of the same people between three workers, and each looks when it likes."""
    workers = [world.new_worker() for _ in range(3)]
    people = [f"person{number}" for number in range(20)]

    def storm(thread: int) -> set[str]:
        choose, mine = random.Random(thread), {}
        for number in range(150):
            person, connection_id = choose.choice(people), f"{thread}-{number % 10}"
            key = person, connection_id
            if key in mine:
                mine.pop(key).members.disconnect(HIKERS, person, connection_id)
            else:
                mine[key] = choose.choice(workers)
                mine[key].members.connect(HIKERS, person, connection_id)
            if not number % 20:
                choose.choice(workers).look()
        return {person for person, _ in mine}

    versions: list[int] = []
    finished = threading.Event()

    def watch() -> None:
        while not finished.is_set():
            versions.append(workers[0].members.online(HIKERS).version)

    with ThreadPoolExecutor(9) as pool:
        watcher = pool.submit(watch)
        left = set().union(*pool.map(storm, range(8)))
        finished.set()
        watcher.result()
    world.settle()
    assert counts(*workers) == [len(left)] * 3
    assert len({worker.members.online(HIKERS) for worker in workers}) == 1
    assert versions == sorted(versions)
