"""Presence while Redis is down or frozen, and after it returns (specification: Failures)."""

import pytest
from support.application.visitor_workers import DHAKA, SYLHET, WINDOW_S, assert_none_waits, redis_world
from support.programs.processes import wait_until

from koyjabo.base.models import SITE
from koyjabo.presence.visitors.active_visitors import ActiveCount
from koyjabo.presence.visitors.redis_store import BATCH


@pytest.fixture
def world(disposable_redis):
    with redis_world(disposable_redis) as world:
        yield world


@pytest.fixture
def two(world):
    here, there = world.new_worker(), world.new_worker()
    here.visitors.touch(SITE, "ayesha", DHAKA)
    there.visitors.touch(SITE, "babul", SYLHET)
    world.settle()
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
def test_no_request_waits_for_redis_and_touches_are_shown_at_once(world, two, failure):
    here, _ = two
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

    getattr(world.redis, failure)()
    assert_none_waits(here.outbox, one_more_comes)


def test_touches_from_while_redis_was_frozen_reach_all_workers_afterwards(world, two):
    here, there = two
    world.redis.freeze()
    here.visitors.touch(SITE, "ayesha", SYLHET)
    there.visitors.touch(SITE, "chandra", DHAKA)
    assert is_shown(here, sylhet=2)
    assert is_shown(there, dhaka=2, sylhet=1)
    wait_until(lambda: not here.outbox.reachable, "the outbox gives up")
    world.redis.thaw()
    wait_for(two, dhaka=1, sylhet=2)


@pytest.mark.parametrize("is_noticed", [True, False])
def test_all_visitors_are_active_again_after_redis_lost_its_data(world, two, is_noticed):
    """The loss may go unnoticed: a restart between two calls looks like an ordinary reconnect."""
    here, _ = two
    newest = here.visitors.count(SITE).version
    if is_noticed:
        world.redis.kill()
        here.visitors.touch(SITE, "chandra", DHAKA)
        wait_until(lambda: not here.outbox.reachable, "the outbox gives up")
        world.redis.start()
    else:
        world.redis.restart()
        here.visitors.touch(SITE, "chandra", DHAKA)
    wait_for(two, dhaka=2, sylhet=1)
    assert here.visitors.count(SITE).version > newest


def test_people_whom_one_worker_knows_do_not_arrive_one_by_one(world):
    worker = world.new_worker()
    for number in range(3 * BATCH):
        worker.visitors.touch(SITE, f"visitor{number}", DHAKA)
    world.settle()
    worker.news.clear()
    world.redis.restart()
    worker.look()
    assert is_shown(worker, dhaka=3 * BATCH)
    assert not worker.news


def test_visitor_is_sent_again_with_the_rest_of_the_lease(world, two):
    here, _ = two
    world.pass_(seconds=WINDOW_S - 30)
    here.visitors.touch(SITE, "chandra", DHAKA)
    world.settle()
    world.redis.restart()
    world.settle()
    assert is_shown(*two, dhaka=2, sylhet=1)
    world.pass_(seconds=30)
    world.settle()
    assert is_shown(*two, dhaka=1)


def test_after_a_window_without_redis_workers_count_only_their_visitors(world, two):
    here, there = two
    world.redis.kill()
    world.time.pass_(seconds=WINDOW_S - 1)
    here.visitors.touch(SITE, "chandra", DHAKA)
    assert is_shown(here, dhaka=2, sylhet=1)
    world.time.pass_(seconds=1)
    assert is_shown(here, dhaka=1)
    assert is_shown(there)
    assert here.visitors.count(SITE) is here.visitors.count(SITE)
    assert here.visitors.count(SITE).version < 0  # other workers must not adopt it
    world.redis.start()
    wait_for(two, dhaka=1)
    assert here.visitors.count(SITE) == there.visitors.count(SITE)
