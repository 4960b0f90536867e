"""What presence costs Redis: in time, in memory, and after everybody is gone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.processes import wait_until
from support.visitor_worlds import DHAKA, WINDOW_S, active, redis_world

from koyjabo.models import SITE, Scope
from koyjabo.network.geolocation import UNKNOWN
from koyjabo.presence.visitors.redis_script import BATCH

HIKERS = Scope("hikers")


@pytest.fixture
def world(redis_server):
    with redis_world(redis_server) as world:
        yield world


def test_expired_visitors_are_swept_once(world):
    """More than one call sweeps, by three workers at the same time."""
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
        assert client.zcard("koyjabo:active:site:visitors") == client.hlen("koyjabo:active:site:places") == 10
        assert client.zrange("koyjabo:active:site:counts", 0, -1, withscores=True) == [(DHAKA, -5), (UNKNOWN, -5)]
        assert client.keys("koyjabo:active:hikers:*") == ["koyjabo:active:hikers:state"]


def test_what_is_kept_goes_by_itself(redis_server):
    with redis_world(redis_server, window_s=1) as world, redis_server.client() as client:
        for scope in (SITE, HIKERS):
            world.visitors.touch(scope, "ayesha", DHAKA)
        world.workers[0].flush()
        version = world.visitors.count(SITE).version
        assert {1000 < client.pttl(key) <= 2000 for key in client.scan_iter()} == {True}
        wait_until(lambda: not client.keys(), "the keys are gone, although nobody swept")
        world.time.pass_(seconds=2)
        world.settle()
        assert world.visitors.count(SITE).places == {}
        stranger = world.new_worker()
        stranger.visitors.touch(SITE, "babul", DHAKA)
        stranger.flush()
        assert stranger.visitors.count(SITE).version > version


def test_renewal_keeps_what_is_kept(world):
    world.visitors.touch(SITE, "ayesha", DHAKA)
    world.settle()
    with world.redis.client() as client:
        for key in list(client.scan_iter()):
            client.pexpire(key, 10_000)
        world.visitors.keep_alive(SITE, "ayesha")
        world.settle()
        assert len(client.keys()) == 4
        assert min(client.pttl(key) for key in client.scan_iter()) > WINDOW_S * 1000


def test_community_that_nobody_wants_is_not_looked_up_for_ever(world):
    worker = world.new_worker()
    worker.visitors.touch(HIKERS, "ayesha", DHAKA)
    world.settle()

    def lookups() -> int:
        with world.redis.client() as client:
            client.config_resetstat()
            worker.look()
            return client.info("commandstats")["cmdstat_evalsha"]["calls"]

    assert lookups() == 2  # the site's, too
    for _ in range(2):  # that they are gone is news, and who hears of it asks
        world.pass_(seconds=WINDOW_S)
        world.settle()
    assert lookups() == 1
    assert active(worker.visitors, HIKERS) == 0
    assert lookups() == 2


def cost_of_reading(world) -> tuple[dict[str, int], int]:
    """Which commands, how often, and the bytes of the answer."""
    with world.redis.client() as client:
        client.config_resetstat()
        world.workers[0].look()
        bytes_ = client.info("stats")["total_net_output_bytes"]
        calls = {name: how["calls"] for name, how in client.info("commandstats").items()}
    return {name: calls[name] for name in calls if name not in ("cmdstat_config|resetstat", "cmdstat_info")}, bytes_


def test_reading_many_costs_what_reading_a_hundred_does(world):
    worker = world.new_worker()
    costs = []
    for numbers in (range(100), range(100, 3000)):
        for number in numbers:
            worker.visitors.touch(SITE, f"visitor{number}", f"Place {number % 50}")
        worker.look()
        assert active(worker.visitors) == numbers.stop
        costs.append(cost_of_reading(world))
    (commands, bytes_), (commands_of_many, bytes_of_many) = costs
    assert commands == commands_of_many
    assert commands["cmdstat_evalsha"] == 1
    assert not {"cmdstat_hgetall", "cmdstat_hvals", "cmdstat_zcount", "cmdstat_zscan"} & set(commands)
    assert max(bytes_, bytes_of_many) < 1024
