"""Presence shared by workers: all show the same numbers, at low cost."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.visitor_workers import DHAKA, SYLHET, WINDOW_S, active, redis_world
from support.programs.processes import wait_until

from koyjabo.base.models import SITE, Scope
from koyjabo.base.network.geolocation import UNKNOWN
from koyjabo.presence.visitors.active_visitors import ActiveCount
from koyjabo.presence.visitors.redis_store import BATCH

HIKERS = Scope("hikers")
LEASES = "koyjabo:active:{site}:visitors"


@pytest.fixture
def world(redis_server):
    with redis_world(redis_server) as world:
        yield world


@pytest.fixture
def two(world):
    return world.new_worker(), world.new_worker()


def shown(*workers) -> list[ActiveCount]:
    return [worker.visitors.count(SITE) for worker in workers]


def test_news_comes_when_others_change_something_and_when_a_lease_ends(world, two):
    here, there = two
    world.settle()
    for number, visitor in enumerate("abc", 1):
        with here.held_back():  # Redis does not know of it yet
            here.visitors.touch(SITE, visitor, DHAKA)
            assert active(here.visitors) == number
        here.look()
    assert here.news == []  # it has been shown before
    assert there.news == []  # not refreshed yet
    for _ in range(2):
        there.look()
        assert [(scope, count.places) for scope, count in there.news] == [(SITE, {DHAKA: 3})]
    world.pass_(seconds=WINDOW_S)
    world.settle()
    assert [worker.news[-1][1].places for worker in two] == [{}, {}]


def test_wrong_estimate_is_corrected_and_other_workers_do_not_adopt_it(world, two):
    here, there = two
    here.visitors.touch(SITE, "ayesha", DHAKA)
    here.look(), there.look()
    with there.held_back():
        there.visitors.touch(SITE, "ayesha", DHAKA)
        guess = shown(there)[0]
        assert (guess.version < 0, guess.places) == (True, {DHAKA: 2})
        here.visitors.apply_remote(SITE, guess)
        here.flush()  # this causes a refresh
        assert shown(here)[0].places == {DHAKA: 1}
    there.look()
    assert shown(there) == shown(here)
    assert there.news[-1][1].places == {DHAKA: 1}


def test_late_response_changes_nothing(world, two):
    here, there = two
    call = here.visitors._script

    def slow(*arguments):
        answer = call(*arguments)
        there.visitors.touch(SITE, "babul", SYLHET)
        there.look()
        here.visitors.apply_remote(SITE, shown(there)[0])
        return answer

    here.visitors._script = slow
    here.visitors.touch(SITE, "ayesha", DHAKA)
    here.flush()
    assert shown(here) == shown(there)
    assert shown(here)[0].places == {DHAKA: 1, SYLHET: 1}


def test_touch_while_a_batch_is_on_its_way_is_neither_lost_nor_counted_twice(world):
    worker = world.new_worker()
    call, moves = worker.visitors._script, iter([SYLHET, None])

    def touched_meanwhile(*arguments):
        answer = call(*arguments)
        if place := next(moves, None):
            worker.visitors.touch(SITE, "ayesha", place)
            assert active(worker.visitors) == 1
        return answer

    worker.visitors._script = touched_meanwhile
    with worker.held_back():
        worker.visitors.touch(SITE, "ayesha", DHAKA)
        for _ in range(2):
            worker.visitors._sync(SITE)
            assert shown(worker)[0].places == {SYLHET: 1}


# Cost for Redis: time, memory, and leftovers.


def test_expired_visitors_are_swept_once(world):
    """There are more visitors than one call can sweep, and three workers sweep at the same time."""
    workers = [world.new_worker() for _ in range(3)]
    for number in range(BATCH + 500):
        workers[number % 3].visitors.touch(SITE, f"visitor{number}", DHAKA if number % 2 else UNKNOWN)
    for number in range(5):
        workers[0].visitors.touch(HIKERS, f"visitor{number}", DHAKA)
    world.settle()
    world.pass_(seconds=WINDOW_S - 30)
    for number in range(10):
        workers[0].visitors.touch(SITE, f"visitor{number}", None)
    world.pass_(seconds=30)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda worker: worker.look(), workers))
    world.settle()
    assert [worker.visitors.count(SITE).places for worker in workers] == [{DHAKA: 5, UNKNOWN: 5}] * 3
    with world.redis.client() as client:
        assert client.zcard("koyjabo:active:{site}:visitors") == client.hlen("koyjabo:active:{site}:places") == 10
        assert client.zrange("koyjabo:active:{site}:counts", 0, -1, withscores=True) == [(DHAKA, -5), (UNKNOWN, -5)]
        assert client.keys("koyjabo:active:{hikers}:*") == ["koyjabo:active:{hikers}:state"]


def test_stored_data_expires_without_a_sweep(redis_server):
    with redis_world(redis_server, window_s=60) as world, redis_server.client() as client:
        for scope in (SITE, HIKERS):
            world.visitors.touch(scope, "ayesha", DHAKA)
        world.workers[0].flush()
        version = world.visitors.count(SITE).version
        keys = list(client.scan_iter())
        assert {60_000 < client.pttl(key) <= 120_000 for key in keys} == {True}
        for key in keys:
            client.pexpire(key, 1)
        wait_until(lambda: not client.keys(), "the keys are gone without a sweep")
        world.time.pass_(seconds=120)
        world.settle()
        assert world.visitors.count(SITE).places == {}
        stranger = world.new_worker()
        stranger.visitors.touch(SITE, "babul", DHAKA)
        stranger.flush()
        assert stranger.visitors.count(SITE).version > version


def test_leases_are_sent_again_to_a_server_that_lacks_the_last_ones(world, two):
    """A replica took over. It holds the data set that the workers know, in an earlier state."""
    for worker in two:
        worker.client.origin = lambda: "the master"
    two[0].visitors.touch(SITE, "ayesha", DHAKA)
    world.settle()
    with world.redis.client() as client:
        older = client.zscore(LEASES, "ayesha")
        world.pass_(seconds=WINDOW_S - 10)
        two[0].visitors.touch(SITE, "ayesha", DHAKA)
        world.settle()
        renewed = client.zscore(LEASES, "ayesha")
        client.zadd(LEASES, {"ayesha": older - (WINDOW_S - 10) * 1000})
        for worker in two:
            worker.client.origin = lambda: "the replica"
        world.settle()
        assert client.zscore(LEASES, "ayesha") >= renewed - 1000
