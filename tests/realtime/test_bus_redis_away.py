"""Redis gone, frozen or begun anew: visits go on as before, and soon after it is back all show the same."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from statistics import fmean

import pytest
from support import redis as support_redis
from support.answers import Registered
from support.processes import wait_until
from support.redis import Redis
from support.workers import assert_heard_at_once, assert_never_fell, desks, flat, pages, two_workers, wait_until_same

pytestmark = pytest.mark.waits

AT_MOST_S = 0.5
"""On average. Usual is 0.01; a request that waited for Redis would take a second or more."""

BACK_S = 6.0
NOTICED_S = 10.0
LOOKS, LOOK_S = 30, 0.05


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("redis")


@pytest.fixture(scope="module")
def redis(folder):
    """It finds its data again when it was told to save them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(support_redis, "OPTIONS", (*support_redis.OPTIONS, "--dir", str(folder)))
        server = Redis().start()
        yield server
        server.kill()


@pytest.fixture(scope="module")
def module_server(module_servers, module_sqlite_database, redis):
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url))


@pytest.fixture
def server(module_server, redis, folder):
    """One whose workers all reach Redis, which has nothing to find again."""
    (folder / "dump.rdb").unlink(missing_ok=True)
    assert redis.running
    with desks(module_server) as each_worker:
        wait_until(lambda: all(desk.status("/readyz") == 200 for desk in each_worker), "ready", NOTICED_S)
    return module_server


@contextmanager
def killed(redis, folder):
    redis.kill()
    yield
    redis.start()


@contextmanager
def killed_and_found_again(redis, folder):
    with redis.client() as client:
        client.save()
    redis.kill()
    yield
    redis.start()
    with redis.client() as client:
        assert client.dbsize() > 0


@contextmanager
def frozen(redis, folder):
    redis.freeze()
    yield
    redis.thaw()


def redis_answers(desk) -> bool:
    return desk.ask("GET", "/readyz")[1]["checks"]["redis"]["ok"]


def assert_no_delay(took_s: list[float]) -> None:
    assert fmean(took_s) < AT_MOST_S, took_s


def visit_in_turn(each_worker, open_pages, visits: int, name: str) -> Registered:
    """A worker's own pages hear at once, those of the other by its pulse. Returns the last one."""
    own_s: list[float] = []
    for number in range(visits):
        which = number % 2
        told = each_worker[which].register(f"{name}-{number}")
        for page in open_pages[which]:
            began = time.monotonic()
            page.wait_for(lambda stats, told=told: stats.total >= told.ordinal, "own visit")
            own_s.append(time.monotonic() - began)
        assert each_worker[1 - which].stats().total >= told.ordinal
    for page in flat(open_pages):
        page.wait_for(lambda stats: stats.total == told.ordinal, "the other's visit")
    assert_no_delay(own_s)
    return told


@pytest.mark.parametrize(
    "away", [frozen, *(pytest.param(each, marks=pytest.mark.long) for each in (killed, killed_and_found_again))]
)
def test_redis_away_delays_no_request_and_no_push(server, redis, folder, away):
    """After the return all show the same."""
    with desks(server) as each_worker, pages(server, of_each=2) as open_pages:
        told = each_worker[0].register("ayesha")
        wait_until_same(flat(open_pages), each_worker, BACK_S, lambda stats: stats.total == told.ordinal)
        active = each_worker[0].stats().active
        with away(redis, folder):
            for desk in each_worker:
                desk.took_s.clear()
            told = visit_in_turn(each_worker, open_pages, 20, away.__name__)
            for desk in each_worker:
                wait_until(lambda desk=desk: not redis_answers(desk), "it says that Redis is away", NOTICED_S)
                for _ in range(LOOKS):  # over more than a second, in which the worker tries everything that it sends
                    assert not redis_answers(desk)
                    time.sleep(LOOK_S)
                assert desk.status("/readyz") == 503
                assert desk.ask("GET", "/readyz")[1]["checks"]["database"]["ok"] is True
                assert desk.status("/healthz") == 200
            took_s = [took for desk in each_worker for took in desk.took_s]
            shown = {desk.stats().active for desk in each_worker}
            assert shown == {active + 10}, "each knows its own"
        wait_until_same(
            flat(open_pages),
            each_worker,
            BACK_S,
            lambda stats: (stats.total, stats.active) == (told.ordinal, active + 20),
        )
        for desk in each_worker:
            wait_until(lambda desk=desk: desk.status("/readyz") == 200, "it says that Redis is back", BACK_S)
        assert_heard_at_once(each_worker, flat(open_pages))
        for page in flat(open_pages):
            assert_never_fell(page)
        assert_no_delay(took_s)


@pytest.mark.parametrize("away", [killed, pytest.param(frozen, marks=pytest.mark.long)])
def test_server_started_while_redis_is_away_serves_and_joins_when_it_comes(
    new_server, sqlite_database, mortal_redis, tmp_path, away
):
    with ExitStack() as stack:
        with away(mortal_redis, tmp_path):
            server = two_workers(new_server(sqlite_database, REDIS_URL=mortal_redis.url))
            each_worker, open_pages = stack.enter_context(desks(server)), stack.enter_context(pages(server))
            assert visit_in_turn(each_worker, open_pages, 10, "visitor").ordinal == 10
            assert [desk.stats().active for desk in each_worker] == [5, 5]
            for desk in each_worker:
                wait_until(lambda desk=desk: desk.status("/readyz") == 503, "it says that Redis is away", NOTICED_S)
                assert_no_delay(desk.took_s)
        wait_until_same(flat(open_pages), each_worker, BACK_S, lambda stats: (stats.total, stats.active) == (10, 10))
        assert_heard_at_once(each_worker, flat(open_pages))
