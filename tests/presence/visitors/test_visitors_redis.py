"""Presence shared by workers, also while Redis is away: all show the same numbers, at low cost."""

import faulthandler
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from support.application.visitor_workers import DHAKA, SYLHET, WINDOW_S, RedisLink, assert_none_waits, redis_world
from support.programs.processes import wait_until

from koyjabo.base.models import SITE, Scope
from koyjabo.base.network.location_names import UNKNOWN_LOCATION
from koyjabo.presence.visitors.active_visitors import ActiveCount
from koyjabo.presence.visitors.touch_script_redis import MAX_TOUCHES
from koyjabo.presence.visitors.visit_matcher_redis import MAX_OFFERED_VISITS, RedisVisitMatcher

HIKERS = Scope("hikers")
LEASES = "koyjabo:active:{site}:visitors"
CAMPUS, HOME = b"\x01" * 12, b"\xff" * 12
OFFERS = f"koyjabo:lonely:{CAMPUS.hex()}"


@pytest.fixture
def world(redis_server):
    with redis_world(redis_server) as world:
        yield world


@pytest.fixture
def two(world):
    return world.new_worker(), world.new_worker()


def active(worker) -> int:
    return sum(worker.visitors.count(SITE).places.values())


def shown(*workers) -> list[ActiveCount]:
    return [worker.visitors.count(SITE) for worker in workers]


def test_a_worker_announces_the_changes_of_other_workers_and_the_ends_of_leases(world, two):
    here, there = two
    world.settle()
    for number, visitor in enumerate("abc", 1):
        with here.held_back():  # Redis does not know of it yet
            here.visitors.touch(SITE, visitor, DHAKA)
            assert active(here) == number
        here.look()
    assert here.news == []  # it has been shown before
    assert there.news == []  # not refreshed yet
    for _ in range(2):
        there.look()
        assert [(scope, count.places) for scope, count in there.news] == [(SITE, {DHAKA: 3})]
    world.pass_(seconds=WINDOW_S)
    world.settle()
    assert [worker.news[-1][1].places for worker in two] == [{}, {}]


def test_a_wrong_estimate_is_corrected_and_other_workers_do_not_adopt_it(world, two):
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


def test_a_late_response_replaces_no_newer_count(world, two):
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


def test_a_touch_while_a_batch_is_being_sent_is_neither_lost_nor_counted_twice(world):
    worker = world.new_worker()
    call, moves = worker.visitors._script, iter([SYLHET, None])

    def touched_meanwhile(*arguments):
        answer = call(*arguments)
        if place := next(moves, None):
            worker.visitors.touch(SITE, "ayesha", place)
            assert active(worker) == 1
        return answer

    worker.visitors._script = touched_meanwhile
    with worker.held_back():
        worker.visitors.touch(SITE, "ayesha", DHAKA)
        for _ in range(2):
            worker.visitors._sync(SITE)
            assert shown(worker)[0].places == {SYLHET: 1}


def test_expired_visitors_are_removed_once_and_leave_no_data(world):
    """There are more visitors than one call can remove, and three workers remove them at the same time."""
    workers = [world.new_worker() for _ in range(3)]
    for number in range(MAX_TOUCHES + 500):
        workers[number % 3].visitors.touch(SITE, f"visitor{number}", DHAKA if number % 2 else UNKNOWN_LOCATION)
    workers[0].visitors.touch(HIKERS, "ayesha", DHAKA)
    world.pass_(seconds=WINDOW_S - 30)
    for number in range(10):
        workers[0].visitors.touch(SITE, f"visitor{number}", None)
    world.pass_(seconds=30)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda worker: worker.look(), workers))
    world.settle()
    assert [worker.visitors.count(SITE).places for worker in workers] == [{DHAKA: 5, UNKNOWN_LOCATION: 5}] * 3
    with world.redis.client() as client:
        assert client.zcard(LEASES) == client.hlen("koyjabo:active:{site}:places") == 10
        assert client.keys("koyjabo:active:{hikers}:*") == ["koyjabo:active:{hikers}:state"]
        assert {0 < client.pttl(key) <= 2 * WINDOW_S * 1000 for key in client.scan_iter()} == {True}


def test_leases_are_sent_again_to_a_replica_that_lacks_the_newest_ones(world, two):
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
    """Wait until all workers have adopted the same version of the count, refreshing them as the pulse does."""

    def look() -> bool:
        for worker in workers:
            worker.visitors.refresh()
        versions = {worker.visitors.count(SITE).version for worker in workers}
        return len(versions) == 1 and is_shown(*workers, **places)

    try:
        wait_until(look, f"all workers show {places}", every_s=0.1)
    except AssertionError as error:
        faulthandler.dump_traceback()  # where the outboxes are
        states = [(worker.outbox.reachable, worker.visitors.count(SITE)) for worker in workers]
        raise AssertionError(f"{error}: (reachable, count) are {states}") from error


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


@pytest.mark.parametrize("outage", ["freeze", "kill", "unnoticed"])
def test_all_visitors_are_active_at_all_workers_after_an_outage_of_redis(mortal_world, two_online, outage):
    """The loss of its data may go unnoticed: a restart between two calls looks like an ordinary reconnect."""
    here, there = two_online
    newest = here.visitors.count(SITE).version
    getattr(mortal_world.redis, "restart" if outage == "unnoticed" else outage)()
    here.visitors.touch(SITE, "ayesha", SYLHET)
    there.visitors.touch(SITE, "chandra", DHAKA)
    if outage != "unnoticed":
        assert is_shown(here, sylhet=2)
        assert is_shown(there, dhaka=2, sylhet=1)
        wait_until(lambda: not here.outbox.reachable, "the outbox gives up")
        getattr(mortal_world.redis, "thaw" if outage == "freeze" else "start")()
    wait_for(two_online, dhaka=1, sylhet=2)
    assert here.visitors.count(SITE).version > newest


def test_visitors_are_sent_again_all_at_once_and_with_the_rest_of_their_leases(mortal_world):
    worker = mortal_world.new_worker()
    for number in range(3 * MAX_TOUCHES):
        worker.visitors.touch(SITE, f"visitor{number}", DHAKA)
    mortal_world.pass_(seconds=WINDOW_S - 30)
    worker.visitors.touch(SITE, "ayesha", SYLHET)
    mortal_world.settle()
    worker.news.clear()
    mortal_world.redis.restart()
    worker.look()
    assert is_shown(worker, dhaka=3 * MAX_TOUCHES, sylhet=1)
    assert not worker.news
    mortal_world.pass_(seconds=30)
    mortal_world.settle()
    assert is_shown(worker, sylhet=1)


def test_a_worker_shows_only_its_own_visitors_after_a_long_outage_of_redis(mortal_world, two_online):
    here, there = two_online
    mortal_world.redis.kill()
    mortal_world.time.pass_(seconds=WINDOW_S - 1)
    here.visitors.touch(SITE, "chandra", DHAKA)
    assert is_shown(here, dhaka=2, sylhet=1)
    mortal_world.time.pass_(seconds=1)
    assert is_shown(here, dhaka=1)
    assert is_shown(there)
    assert here.visitors.count(SITE).version < 0  # other workers must not adopt it
    mortal_world.redis.start()
    wait_for(two_online, dhaka=1)


class MatchingWorker(RedisLink):
    """One worker's visit matcher."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.matcher = RedisVisitMatcher(self.client, self.outbox, WINDOW_S)
        self.visitors: list[str] = []

    def offer(self, caller: bytes, *visitors: str) -> None:
        for visitor in visitors:
            self.matcher.offer(caller, visitor)
        self.flush()

    def ask(self, caller: bytes, times: int = 1) -> list[str]:
        """Ask, and return the visitors found by this request and all earlier ones."""
        for _ in range(times):
            self.matcher.ask(caller, self.visitors.append)
        self.flush()
        return self.visitors


@pytest.fixture
def new_matcher(redis_server):
    with ExitStack() as stack:

        def make() -> MatchingWorker:
            worker = MatchingWorker(redis_server.url)
            stack.callback(worker.client.close)
            return worker

        yield make


def age_offers(redis_server, **ages_ms: int) -> None:
    """Make offers older, because Redis orders them by its own clock."""
    with redis_server.client() as client:
        for visitor, age_ms in ages_ms.items():
            client.zincrby(OFFERS, -age_ms, visitor)


def test_another_worker_finds_an_offered_visitor_once_and_the_newest_first(new_matcher, redis_server):
    here, there = new_matcher(), new_matcher()
    assert there.ask(CAMPUS) == []
    here.offer(CAMPUS, "ayesha", "babul", "chandra", "ayesha")
    age_offers(redis_server, babul=1000, chandra=WINDOW_S * 1000)
    assert there.ask(HOME) == []
    assert there.ask(CAMPUS) == ["ayesha"]
    assert there.ask(CAMPUS, times=2) == ["ayesha", "babul"], "the offer of chandra has expired"
    assert here.ask(CAMPUS) == []


def test_the_offers_of_one_caller_are_bounded(new_matcher, redis_server):
    here, there = new_matcher(), new_matcher()
    here.offer(CAMPUS, *(f"visitor{number}" for number in range(3 * MAX_OFFERED_VISITS)))
    with redis_server.client() as client:
        assert client.zcard(OFFERS) == MAX_OFFERED_VISITS
        assert 0 < client.pttl(OFFERS) <= WINDOW_S * 1000
    assert len(set(there.ask(CAMPUS, times=MAX_OFFERED_VISITS + 5))) == MAX_OFFERED_VISITS


def test_an_offered_visitor_goes_to_exactly_one_of_many_workers(new_matcher):
    here, askers = new_matcher(), [new_matcher() for _ in range(4)]
    visitors = [f"visitor{number}" for number in range(40)]
    here.offer(CAMPUS, *visitors)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: askers[number % 4].ask(CAMPUS), range(80)))
    assert sorted(visitor for asker in askers for visitor in asker.visitors) == sorted(visitors)
