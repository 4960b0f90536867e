"""Presence that workers share: they come to show the same, whatever Redis does (koyjabo.realtime.presence_redis)."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from presence_worlds import DHAKA, SYLHET, WINDOW_S, active, redis_world
from support.processes import wait_until

from koyjabo.models import SITE, Scope
from koyjabo.places import UNKNOWN
from koyjabo.presence import Census
from koyjabo.realtime.presence_redis import BATCH

HIKERS = Scope("hikers")


@pytest.fixture
def world(redis_server):
    with redis_world(redis_server) as world:
        yield world


@pytest.fixture
def two(world):
    return world.new_worker(), world.new_worker()


def shown(*workers, scope: Scope = SITE) -> list[Census]:
    return [worker.presence.census(scope) for worker in workers]


def test_workers_see_each_other(world, two):
    here, there = two
    here.presence.touch(SITE, "ayesha", DHAKA)
    there.presence.touch(SITE, "babul", SYLHET)
    world.settle()
    assert shown(here, there) == [shown(here)[0]] * 2
    assert shown(here)[0].places == {DHAKA: 1, SYLHET: 1}


def test_visitor_of_two_workers_is_one(world, two):
    here, there = two
    here.presence.touch(SITE, "ayesha", DHAKA)
    world.settle()
    there.presence.touch(SITE, "ayesha", SYLHET)
    world.settle()
    assert [census.places for census in shown(here, there)] == [{SYLHET: 1}] * 2


def test_last_sign_of_life_on_any_worker_counts(world, two):
    here, there = two
    here.presence.touch(SITE, "ayesha", DHAKA)
    world.settle()
    world.pass_(seconds=WINDOW_S - 30)
    there.presence.touch(SITE, "ayesha", None)
    world.settle()
    world.pass_(seconds=30)
    here.presence.resend()  # what this worker has seen itself is no longer a sign of life
    world.settle()
    assert [census.places for census in shown(here, there)] == [{DHAKA: 1}] * 2


def test_resend_does_not_shorten_a_lease(world, two):
    here, there = two
    here.presence.touch(SITE, "ayesha", DHAKA)
    world.pass_(seconds=WINDOW_S - 30)
    there.presence.touch(SITE, "ayesha", None)
    world.settle()
    here.presence.resend()
    world.settle()
    world.pass_(seconds=WINDOW_S - 30)
    world.settle()
    assert active(here.presence) == 1


def test_news_comes_when_others_change_something(world, two):
    here, there = two
    world.settle()
    here.presence.touch(SITE, "ayesha", DHAKA)
    here.look()
    assert (here.news, there.news) == ([], [])  # here it was shown at once, and there nobody has looked
    there.look()
    assert [(scope, census.places) for scope, census in there.news] == [(SITE, {DHAKA: 1})]
    there.look()
    assert len(there.news) == 1


def test_expiry_brings_news(world, two):
    here, there = two
    here.presence.touch(SITE, "ayesha", DHAKA)
    world.settle()
    here.news.clear(), there.news.clear()
    world.pass_(seconds=WINDOW_S)
    world.settle()
    assert [worker.news[-1][1].places for worker in two] == [{}, {}]


def test_wrong_guess_is_put_right(world, two):
    here, there = two
    here.presence.touch(SITE, "ayesha", DHAKA)
    here.look(), there.look()
    there.outbox.put = lambda key, send: None  # nothing is sent until the test wants it
    there.presence.touch(SITE, "ayesha", DHAKA)
    assert shown(there)[0].places == {DHAKA: 2}
    del there.outbox.put
    there.look()
    assert shown(there) == shown(here)
    assert there.news[-1][1].places == {DHAKA: 1}


def test_guess_is_not_taken_for_the_truth(world, two):
    here, there = two
    here.presence.touch(SITE, "ayesha", DHAKA)
    world.settle()
    there.outbox.put = lambda key, send: None
    there.presence.touch(SITE, "ayesha", DHAKA)
    guess = shown(there)[0]
    assert guess.version < 0
    here.presence.learn(SITE, guess)
    here.flush()
    assert shown(here)[0].places == {DHAKA: 1}
    del there.outbox.put


def test_census_of_another_worker_is_adopted_when_it_is_newer(world, two):
    here, there = two
    here.presence.touch(SITE, "ayesha", DHAKA)
    here.look()
    there.presence.learn(SITE, Census._make([shown(here)[0].version, dict(shown(here)[0].places)]))
    assert shown(there) == shown(here)
    assert there.presence.census(SITE).places == {DHAKA: 1}


def test_touch_while_a_batch_is_on_its_way_is_neither_lost_nor_counted_twice(world):
    worker = world.new_worker()
    call, moves = worker.presence._script, iter([SYLHET, None])

    def touched_meanwhile(keys, arguments):
        answer = call(keys, arguments)
        if place := next(moves, None):
            worker.presence.touch(SITE, "ayesha", place)
            assert active(worker.presence) == 1
        return answer

    worker.presence._script = touched_meanwhile
    worker.presence.touch(SITE, "ayesha", DHAKA)
    world.settle()
    assert shown(worker)[0].places == {SYLHET: 1}


def test_expired_visitors_are_swept_once(world):
    """More than one call sweeps, by three workers at the same time."""
    workers = [world.new_worker() for _ in range(3)]
    for number in range(2 * BATCH + 500):
        workers[number % 3].presence.touch(SITE, f"visitor{number}", DHAKA if number % 2 else UNKNOWN)
    for number in range(5):
        workers[0].presence.touch(HIKERS, f"visitor{number}", DHAKA)
    world.settle()
    world.pass_(seconds=WINDOW_S - 30)
    for number in range(10):
        workers[0].presence.touch(SITE, f"visitor{number}", None)
    world.pass_(seconds=30)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda worker: worker.look(), workers))
    world.settle()
    assert [census.places for census in shown(*workers)] == [{DHAKA: 5, UNKNOWN: 5}] * 3
    with world.redis.client() as client:
        assert client.zcard("koyjabo:active:site:visitors") == client.hlen("koyjabo:active:site:places") == 10
        assert client.zrange("koyjabo:active:site:counts", 0, -1, withscores=True) == [(DHAKA, -5), (UNKNOWN, -5)]
        assert client.keys("koyjabo:active:hikers:*") == ["koyjabo:active:hikers:state"]


def test_what_is_kept_goes_by_itself(redis_server):
    with redis_world(redis_server, window_s=1) as world, redis_server.client() as client:
        for scope in (SITE, HIKERS):
            world.presence.touch(scope, "ayesha", DHAKA)
        world.workers[0].flush()
        version = world.presence.census(SITE).version
        assert {1000 < client.pttl(key) <= 2000 for key in client.scan_iter()} == {True}
        wait_until(lambda: not client.keys(), "the keys are gone, although nobody swept")
        world.time.pass_(seconds=2)
        world.settle()
        assert world.presence.census(SITE).places == {}
        world.presence.touch(SITE, "babul", DHAKA)
        world.settle()
        assert world.presence.census(SITE).version > version


def test_version_does_not_go_back_when_redis_lost_its_data_and_its_time(world):
    worker = world.new_worker()
    worker.presence.touch(SITE, "ayesha", DHAKA)
    worker.look()
    far = worker.presence.census(SITE).version + 10**9  # some Redis before, whose clock was fast
    worker.presence.learn(SITE, Census(far, {DHAKA: 5}))
    worker.look()
    assert shown(worker)[0].places == {DHAKA: 1}
    assert shown(worker)[0].version > far


def test_community_that_nobody_wants_is_not_looked_up_for_ever(world):
    worker = world.new_worker()
    worker.presence.touch(HIKERS, "ayesha", DHAKA)
    worker.flush()

    def lookups() -> int:
        with world.redis.client() as client:
            client.config_resetstat()
            worker.look()
            return client.info("commandstats")["cmdstat_evalsha"]["calls"]

    assert lookups() == 2  # the site's, too
    world.pass_(seconds=WINDOW_S)
    world.settle()
    assert lookups() == 1
    assert shown(worker, scope=HIKERS)[0].places == {}
    assert lookups() == 2


def cost_of_reading(world) -> tuple[dict[str, int], int]:
    """Which commands, how often, and the bytes of the answer."""
    with world.redis.client() as client:
        client.config_resetstat()
        world.workers[0].look()
        bytes_ = client.info("stats")["total_net_output_bytes"]
        calls = {name: how["calls"] for name, how in client.info("commandstats").items()}
    return {name: calls[name] for name in calls if name not in ("cmdstat_config|resetstat", "cmdstat_info")}, bytes_


def test_reading_a_hundred_thousand_costs_what_reading_a_hundred_does(world):
    worker = world.new_worker()
    touched = 0
    costs = []
    for active_visitors in (100, 100_000):
        for touched in range(touched, active_visitors):  # noqa: B020
            worker.presence.touch(SITE, f"visitor{touched}", f"Place {touched % 50}")
        worker.look()
        assert active(worker.presence) == active_visitors
        costs.append(cost_of_reading(world))
    (commands, bytes_), (commands_of_many, bytes_of_many) = costs
    assert commands == commands_of_many
    assert commands["cmdstat_evalsha"] == 1
    assert not {"cmdstat_hgetall", "cmdstat_hvals", "cmdstat_zcount", "cmdstat_zscan"} & set(commands)
    assert max(bytes_, bytes_of_many) < 1024


def test_workers_agree_after_a_storm(world):
    """Visitors roam between workers and places, from eight threads."""
    workers = [world.new_worker() for _ in range(3)]
    where: dict[str, str] = {}
    lock = threading.Lock()

    def roam(thread: int) -> None:
        choose = random.Random(thread)
        for _ in range(200):
            visitor, place = f"{thread}-{choose.randrange(30)}", f"Place {choose.randrange(10)}"
            worker = choose.choice(workers)
            worker.presence.touch(SITE, visitor, place)
            worker.flush()  # in time, one after the other, as far as this visitor is concerned
            with lock:
                where[visitor] = place

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(roam, range(8)))
    world.settle()
    places = {place: list(where.values()).count(place) for place in where.values()}
    assert [census.places for census in shown(*workers)] == [places] * 3
    assert len({census.version for census in shown(*workers)}) == 1


def test_census_costs_nothing_while_nothing_changes(world):
    worker = world.new_worker()
    for number in range(1000):
        worker.presence.touch(SITE, f"visitor{number}", f"Place {number % 50}")
    world.settle()
    first = worker.presence.census(SITE)
    began = time.perf_counter()
    for _ in range(1000):
        assert worker.presence.census(SITE) is first
    assert time.perf_counter() - began < 0.1
