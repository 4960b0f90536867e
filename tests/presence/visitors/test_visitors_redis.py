"""Presence shared by workers, also while Redis is away: all show the same numbers, at low cost."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.visitor_workers import (
    DHAKA,
    SYLHET,
    WINDOW_S,
    RedisLink,
    active,
    assert_none_waits,
    redis_world,
)
from support.programs.processes import wait_until

from koyjabo.base.models import SITE, Scope
from koyjabo.base.network.location_names import UNKNOWN_LOCATION
from koyjabo.presence.visitors.active_visitors import ActiveCount
from koyjabo.presence.visitors.touch_script_redis import MAX_TOUCHES
from koyjabo.presence.visitors.visit_matcher_redis import MAX_OFFERED_VISITS, RedisVisitMatcher

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
    for number in range(MAX_TOUCHES + 500):
        workers[number % 3].visitors.touch(SITE, f"visitor{number}", DHAKA if number % 2 else UNKNOWN_LOCATION)
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
    assert [worker.visitors.count(SITE).places for worker in workers] == [{DHAKA: 5, UNKNOWN_LOCATION: 5}] * 3
    with world.redis.client() as client:
        assert client.zcard("koyjabo:active:{site}:visitors") == client.hlen("koyjabo:active:{site}:places") == 10
        assert client.zrange("koyjabo:active:{site}:counts", 0, -1, withscores=True) == [
            (DHAKA, -5),
            (UNKNOWN_LOCATION, -5),
        ]
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


CAMPUS, HOME = b"\x01" * 12, b"\xff" * 12


class MatchingWorker(RedisLink):
    """One worker's exchange."""

    def __init__(self, url: str, window_s: int) -> None:
        super().__init__(url)
        self.exchange = RedisVisitMatcher(self.client, self.outbox, window_s)
        self.visitors: list[str] = []

    def offer(self, caller: bytes, *visitors: str) -> None:
        for visitor in visitors:
            self.exchange.offer(caller, visitor)
        self.flush()

    def ask(self, caller: bytes, times: int = 1) -> list[str]:
        """Ask, and return the visitors found by this request and all earlier ones."""
        for _ in range(times):
            self.exchange.ask(caller, self.visitors.append)
        self.flush()
        return self.visitors


@pytest.fixture
def new_worker(redis_server):
    made = []

    def make(window_s: int = 300) -> MatchingWorker:
        made.append(MatchingWorker(redis_server.url, window_s))
        return made[-1]

    yield make
    for connection in made:
        connection.client.close()


def test_offered_visitor_is_found_by_another_worker_once_and_the_newest_first(new_worker):
    here, there = new_worker(), new_worker()
    assert there.ask(CAMPUS) == []
    for visitor in ("ayesha", "babul", "ayesha"):
        here.offer(CAMPUS, visitor)
        time.sleep(0.002)  # Redis orders offers by the millisecond
    assert there.ask(HOME) == []
    assert there.ask(CAMPUS) == ["ayesha"]
    assert there.ask(CAMPUS, times=2) == ["ayesha", "babul"]
    assert here.ask(CAMPUS) == []


def test_offers_of_one_caller_are_bounded(new_worker, redis_server):
    here, there = new_worker(), new_worker()
    for number in range(3):
        here.offer(CAMPUS, *(f"visitor{number}-{index}" for index in range(MAX_OFFERED_VISITS)))
    with redis_server.client() as client:
        assert client.zcard(f"koyjabo:lonely:{CAMPUS.hex()}") == MAX_OFFERED_VISITS
        assert 0 < client.pttl(f"koyjabo:lonely:{CAMPUS.hex()}") <= 300_000
    assert len(set(there.ask(CAMPUS, times=MAX_OFFERED_VISITS + 5))) == MAX_OFFERED_VISITS


def test_offer_ends_with_the_window_although_others_follow(new_worker):
    here, there = new_worker(window_s=1), new_worker(window_s=1)
    here.offer(CAMPUS, "ayesha")
    began = time.monotonic()
    wait_until(lambda: here.offer(CAMPUS, "babul") or time.monotonic() > began + 1.01, "the window has passed")
    given = wait_until(lambda: here.offer(CAMPUS, "babul") or there.ask(CAMPUS, times=3), "the other one is offered")
    assert given == ["babul"]


def test_offered_visitor_goes_to_exactly_one_of_many_workers(new_worker):
    here, askers = new_worker(), [new_worker() for _ in range(4)]
    visitors = [f"visitor{number}" for number in range(40)]
    here.offer(CAMPUS, *visitors)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: askers[number % 4].ask(CAMPUS), range(80)))
    assert sorted(visitor for connection in askers for visitor in connection.visitors) == sorted(visitors)


def test_no_visitor_waits_while_redis_is_gone(disposable_redis):
    connection = MatchingWorker(disposable_redis.url, 300)

    def one_round() -> None:
        connection.exchange.offer(CAMPUS, "babul")
        connection.exchange.ask(CAMPUS, connection.visitors.append)

    disposable_redis.freeze()
    assert_none_waits(connection.outbox, one_round)
    disposable_redis.thaw()
    connection.offer(CAMPUS, "ayesha")
    assert "ayesha" in connection.ask(CAMPUS)
    connection.client.close()


@pytest.fixture
def mortal_world(disposable_redis):
    with redis_world(disposable_redis) as mortal_world:
        yield mortal_world


@pytest.fixture
def two_online(mortal_world):
    here, there = mortal_world.new_worker(), mortal_world.new_worker()
    here.visitors.touch(SITE, "ayesha", DHAKA)
    there.visitors.touch(SITE, "babul", SYLHET)
    mortal_world.settle()
    return here, there


def is_shown(*workers, **places: int) -> bool:
    expected = {{"dhaka": DHAKA, "sylhet": SYLHET}[name]: visitors for name, visitors in places.items()}
    return all(worker.visitors.count(SITE).places == expected for worker in workers)


def wait_for(workers, **places: int) -> None:
    """Wait until all workers have adopted the same version of the count, refreshing them as the pulse does. Before
    that, a worker's own count may already show the same locations.
    """

    def look() -> bool:
        for worker in workers:
            worker.visitors.refresh()
        versions = {worker.visitors.count(SITE).version for worker in workers}
        return len(versions) == 1 and is_shown(*workers, **places)

    wait_until(look, f"all workers show {places}", every_s=0.1)


@pytest.mark.parametrize("failure", ["kill", "freeze"])
def test_no_request_waits_for_redis_and_touches_are_shown_at_once(mortal_world, two_online, failure):
    here, _ = two_online
    visitors: list[str] = []

    def one_more_comes() -> None:
        visitors.append(f"visitor{len(visitors)}")
        here.visitors.touch(SITE, visitors[-1], DHAKA)
        here.visitors.touch(SITE, "ayesha", None)
        here.visitors.keep_alive(SITE, "ayesha")
        here.visitors.apply_remote(SITE, ActiveCount(-1, {}))
        here.visitors.refresh()
        here.visitors.resend()
        assert is_shown(here, dhaka=1 + len(visitors), sylhet=1)

    getattr(mortal_world.redis, failure)()
    assert_none_waits(here.outbox, one_more_comes)


def test_touches_from_while_redis_was_frozen_reach_all_workers_afterwards(mortal_world, two_online):
    here, there = two_online
    mortal_world.redis.freeze()
    here.visitors.touch(SITE, "ayesha", SYLHET)
    there.visitors.touch(SITE, "chandra", DHAKA)
    assert is_shown(here, sylhet=2)
    assert is_shown(there, dhaka=2, sylhet=1)
    wait_until(lambda: not here.outbox.reachable, "the outbox gives up")
    mortal_world.redis.thaw()
    wait_for(two_online, dhaka=1, sylhet=2)


@pytest.mark.parametrize("is_noticed", [True, False])
def test_all_visitors_are_active_again_after_redis_lost_its_data(mortal_world, two_online, is_noticed):
    """The loss may go unnoticed: a restart between two calls looks like an ordinary reconnect."""
    here, _ = two_online
    newest = here.visitors.count(SITE).version
    if is_noticed:
        mortal_world.redis.kill()
        here.visitors.touch(SITE, "chandra", DHAKA)
        wait_until(lambda: not here.outbox.reachable, "the outbox gives up")
        mortal_world.redis.start()
    else:
        mortal_world.redis.restart()
        here.visitors.touch(SITE, "chandra", DHAKA)
    wait_for(two_online, dhaka=2, sylhet=1)
    assert here.visitors.count(SITE).version > newest


def test_people_whom_one_worker_knows_do_not_arrive_one_by_one(mortal_world):
    worker = mortal_world.new_worker()
    for number in range(3 * MAX_TOUCHES):
        worker.visitors.touch(SITE, f"visitor{number}", DHAKA)
    mortal_world.settle()
    worker.news.clear()
    mortal_world.redis.restart()
    worker.look()
    assert is_shown(worker, dhaka=3 * MAX_TOUCHES)
    assert not worker.news


def test_visitor_is_sent_again_with_the_rest_of_the_lease(mortal_world, two_online):
    here, _ = two_online
    mortal_world.pass_(seconds=WINDOW_S - 30)
    here.visitors.touch(SITE, "chandra", DHAKA)
    mortal_world.settle()
    mortal_world.redis.restart()
    mortal_world.settle()
    assert is_shown(*two_online, dhaka=2, sylhet=1)
    mortal_world.pass_(seconds=30)
    mortal_world.settle()
    assert is_shown(*two_online, dhaka=1)


def test_after_a_window_without_redis_workers_count_only_their_visitors(mortal_world, two_online):
    here, there = two_online
    mortal_world.redis.kill()
    mortal_world.time.pass_(seconds=WINDOW_S - 1)
    here.visitors.touch(SITE, "chandra", DHAKA)
    assert is_shown(here, dhaka=2, sylhet=1)
    mortal_world.time.pass_(seconds=1)
    assert is_shown(here, dhaka=1)
    assert is_shown(there)
    assert here.visitors.count(SITE) is here.visitors.count(SITE)
    assert here.visitors.count(SITE).version < 0  # other workers must not adopt it
    mortal_world.redis.start()
    wait_for(two_online, dhaka=1)
    assert here.visitors.count(SITE) == there.visitors.count(SITE)
