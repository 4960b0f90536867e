"""Redis is down or frozen, or fails over: visits continue, and soon afterwards all pages show the same numbers."""

import time

from same_numbers import visit_each_in_turn, wait_until_same
from support.clients.listener import PlainListener
from support.clients.worker_connections import (
    assert_never_fell,
    assert_received,
    flat,
    pages,
    two_workers,
    worker_connections,
)
from support.databases.redis_groups import RedisWithSentinels
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.changed_server import changed_server

LOOKS, LOOK_S = 5, 0.2


def redis_responds(connection) -> bool:
    return connection.ask("GET", "/readyz")[1]["checks"]["redis"]["ok"]


def is_ready(connection) -> bool:
    return connection.status("/readyz") == 200


def assert_they_say_so(each_worker) -> None:
    wait_until(lambda: not any(map(redis_responds, each_worker)), "they say that Redis is away")
    for _ in range(LOOKS):  # for a second, so that the workers try everything that they send
        assert not any(map(redis_responds, each_worker))
        time.sleep(LOOK_S)
    for connection in each_worker:
        assert connection.status("/readyz") == 503
        assert connection.ask("GET", "/readyz")[1]["checks"]["database"]["ok"] is True
        assert connection.status("/healthz") == 200


def test_visits_are_counted_and_pushed_while_redis_is_down(new_server, sqlite_database, disposable_redis):
    """Redis is away at the start, and freezes later. Each time it returns, all pages show the same numbers."""
    disposable_redis.kill()
    server = two_workers(new_server(sqlite_database, REDIS_URL=disposable_redis.url))
    with worker_connections(server) as each_worker, pages(server) as open_pages:
        for come_back in (disposable_redis.start, disposable_redis.thaw):
            active = each_worker[0].stats().active
            if disposable_redis.running:
                disposable_redis.freeze()
            total = visit_each_in_turn(each_worker, open_pages, 10, f"visitor-{active}")
            assert_they_say_so(each_worker)
            assert {connection.stats().active for connection in each_worker} == {active + 5}, "each knows its own"
            come_back()
            all_of_it = total, active + 10
            wait_until_same(
                flat(open_pages),
                each_worker,
                PATIENCE_S,
                lambda stats, all=all_of_it: (stats.total, stats.active) == all,
            )
            wait_until(lambda: all(map(is_ready, each_worker)), "they say that Redis is back")
            assert_received(each_worker, flat(open_pages))
        for page in flat(open_pages):
            assert_never_fell(page)


def test_visits_are_counted_and_pushed_while_the_name_of_redis_cannot_be_resolved(tmp_path, disposable_redis):
    """Otherwise they would wait until the file is removed."""
    silent, url = tmp_path / "silent", f"redis://localhost:{disposable_redis.port}/0"
    silent.touch()
    with changed_server(tmp_path, SILENT=silent, REDIS_URL=url) as server, PlainListener(server.port) as page:
        for _ in range(2):
            wait_until(lambda: server.get("/readyz").status_code == 503, "it says that Redis is away")
            for _ in range(5):
                page.wait_for_total(server.register("ayesha").ordinal)
            assert server.worker.num_threads() < 12, "look-ups pile up"
            silent.unlink()
            wait_until(lambda: server.get("/readyz").status_code == 200, "Redis is found")
            silent.touch()
            disposable_redis.restart()  # so that its name is resolved again


BEFORE, MEANWHILE = 6, 6


def test_all_pages_show_the_same_numbers_after_a_redis_failover(new_server, sqlite_database):
    with RedisWithSentinels() as group:
        server = two_workers(new_server(sqlite_database, REDIS_URL=group.url))
        with worker_connections(server) as each_worker, pages(server) as open_pages:
            visit_each_in_turn(each_worker, open_pages, BEFORE, "before")
            lost = group.master()
            group.watch()
            lost.kill()
            total = visit_each_in_turn(each_worker, open_pages, MEANWHILE, "meanwhile")
            group.wait_for_another(lost)
            right = total, BEFORE + MEANWHILE
            wait_until_same(
                flat(open_pages), each_worker, PATIENCE_S, lambda stats: (stats.total, stats.active) == right
            )
            wait_until(lambda: all(map(is_ready, each_worker)), "they say that all of Redis responds")
            assert_received(each_worker, flat(open_pages))
            for page in flat(open_pages):
                assert_never_fell(page)
