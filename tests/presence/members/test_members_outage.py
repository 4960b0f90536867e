"""Online members on several workers, also while Redis is away: all reach the same count, which Redis decides."""

import pytest
from member_workers import GRACE_S, HIKERS, LEASE_S, RIDERS, counts, redis_world
from support.application.visitor_workers import assert_none_waits
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

from koyjabo.presence.members import online_members_redis
from koyjabo.presence.members.member_mirror import REJOIN_MS
from koyjabo.presence.members.member_script_redis import MAX_REPORTS
from koyjabo.presence.members.online_members import Online, OnlineMember
from koyjabo.presence.members.online_members_redis import FORGET_MS

MANY = 2 * MAX_REPORTS + 1  # more people than one call to Redis can contain


@pytest.fixture
def mortal_world(disposable_redis):
    with redis_world(disposable_redis) as mortal_world:
        yield mortal_world


def fail(world, *workers, failure: str = "kill") -> None:
    """Make Redis unreachable for these workers, and wait until they notice."""
    getattr(world.redis, failure)()
    for worker in workers:
        worker.members.refresh()
        wait_until(lambda worker=worker: not worker.outbox.reachable, "the outbox gives up")


def look_until_redis_answers(worker) -> None:
    wait_until(lambda: worker.members.refresh() or worker.outbox.reachable, "the worker notices that Redis is back")
    worker.flush()


@pytest.fixture
def two_online(mortal_world):
    """Two workers: Ayesha is on the first, Babul on the second, and Chandra on both."""
    here, there = mortal_world.new_worker(), mortal_world.new_worker()
    here.members.connect(HIKERS, "ayesha", "1")
    there.members.connect(HIKERS, "babul", "1")
    for worker in (here, there):
        worker.members.connect(HIKERS, "chandra", "1")
    mortal_world.settle()
    mortal_world.pass_(seconds=LEASE_S)  # each has renewed its leases, and so knows the other's members
    assert counts(here, there) == [3, 3]
    here.news.clear(), there.news.clear()
    return here, there


@pytest.mark.parametrize("failure", ["kill", "freeze"])
def test_no_caller_waits_for_redis(mortal_world, two_online, failure):
    here, _ = two_online
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

    getattr(mortal_world.redis, failure)()
    assert_none_waits(here.outbox, one_more_comes)
    assert counts(here) == [3 + len(people)]
    assert here.news[-1] == (HIKERS, 3 + len(people))


def test_arrivals_are_estimated_as_soon_as_redis_is_silent(mortal_world, two_online):
    here, _ = two_online
    begin_ms = mortal_world.time.ms - LEASE_S * 1000
    mortal_world.redis.freeze()
    assert here.members.people(HIKERS) == [OnlineMember(user, begin_ms, 1) for user in ("ayesha", "chandra")]
    here.members.connect(HIKERS, "deepa", "1")
    for milliseconds, count in ((0, 3), (online_members_redis.SILENCE_MS - 1, 3), (1, 4)):
        mortal_world.time.pass_(milliseconds=milliseconds)
        here.members.refresh()
        assert counts(here) == [count]
    assert here.news == [(HIKERS, 4)]


def test_a_worker_without_redis_keeps_the_members_of_other_workers(mortal_world, two_online):
    here, _ = two_online
    fail(mortal_world, here)
    for _ in range(10):
        mortal_world.time.pass_(seconds=LEASE_S)
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
    mortal_world.time.pass_(seconds=GRACE_S)
    here.members.refresh()
    assert here.news[-1] == (HIKERS, 4)


def test_all_workers_agree_when_redis_is_back(mortal_world, two_online):
    here, there = two_online
    fail(mortal_world, here, there, failure="freeze")
    here.members.connect(HIKERS, "deepa", "1")
    there.members.connect(HIKERS, "deepa", "1")
    there.members.disconnect(HIKERS, "babul", "1")
    here.members.disconnect(HIKERS, "chandra", "1")
    assert counts(here, there) == [4, 3]
    guesses = [worker.members.online(HIKERS).version for worker in two_online]
    mortal_world.redis.thaw()
    for worker in two_online:
        look_until_redis_answers(worker)
    mortal_world.time.pass_(milliseconds=REJOIN_MS)
    mortal_world.settle()
    assert counts(here, there) == [3, 3]
    assert here.members.online(HIKERS) == there.members.online(HIKERS)
    assert here.members.online(HIKERS).version > max(guesses)
    assert not here.members.online(HIKERS).is_estimate


@pytest.mark.parametrize("failure", ["kill", "unnoticed"])
def test_no_member_leaves_when_all_leases_have_expired_or_were_lost(mortal_world, two_online, failure):
    """The worker that reconnects first has no members, and the next finds only its own in Redis."""
    here, there = two_online
    onlooker = mortal_world.new_worker()
    assert onlooker.members.wait_until_counted(HIKERS, "nobody", PATIENCE_S)
    onlooker.news.clear()
    before = here.members.online(HIKERS).version
    if failure == "unnoticed":
        mortal_world.redis.restart()
    else:
        fail(mortal_world, here, there, onlooker)
        mortal_world.time.pass_(seconds=2 * LEASE_S)
        mortal_world.redis.start()
        mortal_world.let_leases_end(2 * LEASE_S * 1000)
    for worker in (onlooker, there, here):
        look_until_redis_answers(worker)
        for other in (here, there):
            other.members.apply_remote(HIKERS, worker.members.online(HIKERS))
    for _ in range(4):
        mortal_world.time.pass_(seconds=1)
        mortal_world.settle()
    assert counts(onlooker, here, there) == [3, 3, 3]
    assert (onlooker.news, here.news, there.news) == ([], [], [])
    assert here.members.online(HIKERS) == there.members.online(HIKERS)
    assert here.members.online(HIKERS).version > before


def test_the_people_of_a_worker_killed_during_an_outage_leave_afterwards(mortal_world, two_online):
    """Arrivals and departures are counted during the outage."""
    here, there = two_online
    fail(mortal_world, here)
    mortal_world.kill(there)
    mortal_world.time.pass_(seconds=2 * LEASE_S)
    mortal_world.redis.start()
    look_until_redis_answers(here)
    here.members.connect(HIKERS, "deepa", "1")
    here.flush()
    assert counts(here) == [4]
    here.members.disconnect(HIKERS, "ayesha", "1")
    here.flush()
    assert counts(here) == [3]
    mortal_world.time.pass_(milliseconds=REJOIN_MS)
    mortal_world.settle()
    assert here.news == [(HIKERS, 4), (HIKERS, 3), (HIKERS, 2)]


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


def test_a_person_with_tabs_on_two_workers_counts_once_at_every_moment(world, two):
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


def test_the_people_of_a_killed_worker_leave_at_once_when_their_leases_end(world, two):
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
    world.pass_(seconds=LEASE_S - 4)
    assert counts(*two) == [MANY + 1, MANY + 1]
    world.let_leases_end(4000)  # no worker has read since
    assert two[0].members.online_in("person1", [HIKERS]) == set()
    world.settle()
    assert [worker.news for worker in two] == [[(HIKERS, 1), (HIKERS, MANY + 1), (HIKERS, 1)]] * 2
    assert two[0].members.online(HIKERS) == two[1].members.online(HIKERS)
    assert two[1].members.people(HIKERS) == [OnlineMember("ayesha", world.time.ms - (LEASE_S - 4) * 1000, 1)]


def test_neither_a_late_response_nor_an_estimate_replaces_the_count_of_another_worker(world, two):
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
    online = here.members.online(HIKERS)
    for wrong in (Online(online.version - 1, 7), Online(online.version + 1000, 7, is_estimate=True)):
        here.members.apply_remote(HIKERS, wrong)
        assert here.members.online(HIKERS) == online


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_goodbye_is_not_lost_while_the_arrival_is_being_sent(world, comes_back):
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


def test_an_empty_scope_leaves_no_data_in_redis_or_in_memory(world, two):
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
