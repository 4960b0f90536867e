"""Redis fails over, or is down or frozen: no visit is delayed, and soon afterwards all pages are right."""

import time
from contextlib import suppress

import pytest
import redis
from support.clients.worker_connections import (
    assert_never_fell,
    assert_received,
    flat,
    pages,
    two_workers,
    visit_each_in_turn,
    wait_until_same,
    worker_connections,
)
from support.databases.redis_groups import RedisNode, RedisWithSentinels
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

RIGHT_S = PATIENCE_S
"""15 s are promised, starting when another server takes over. The longer limit allows for a busy machine."""

BEFORE, MEANWHILE = 6, 6


def test_pages_are_right_soon_after_another_redis_serves(new_server, sqlite_database):
    with RedisWithSentinels() as group:
        server = two_workers(new_server(sqlite_database, REDIS_URL=group.url))
        with worker_connections(server) as each_worker, pages(server) as open_pages:
            visit_each_in_turn(each_worker, open_pages, BEFORE, "before")
            lost = group.master()
            group.watch()
            lost.kill()
            total = visit_each_in_turn(each_worker, open_pages, MEANWHILE, "meanwhile")
            group.wait_for_another(lost)
            assert_right(each_worker, open_pages, total)
            assert_received(each_worker, flat(open_pages))
            for page in flat(open_pages):
                assert_never_fell(page)


def assert_right(each_worker, open_pages, total: int) -> None:
    right = total, BEFORE + MEANWHILE
    wait_until_same(flat(open_pages), each_worker, RIGHT_S, lambda stats: (stats.total, stats.active) == right)
    for connection in each_worker:
        ready = "it says that all of Redis answers"
        wait_until(lambda connection=connection: connection.status("/readyz") == 200, ready, RIGHT_S)


DEMOTIONS = ("-replicaof", "-slaveof")
"""Commands that a Sentinel uses, after about 10 s, to demote a master that has returned."""


@pytest.mark.long(
    proved_by="base/cluster/test_redis_outages.py::test_master_that_was_replaced_is_left_though_it_goes_on_serving"
)
def test_replaced_master_that_resumes_is_not_used(new_server, sqlite_database):
    with RedisWithSentinels() as group:
        server = two_workers(new_server(sqlite_database, REDIS_URL=group.url))
        with worker_connections(server) as each_worker, pages(server) as open_pages:
            visit_each_in_turn(each_worker, open_pages, BEFORE, "before")
            lost = group.master()
            group.watch()
            lost.asks("ACL", "SETUSER", "default", *DEMOTIONS)
            lost.freeze()
            replicas = [server for server in group.servers if server is not lost]
            wait_until(lambda: any(map(is_master, replicas)), "one of the replicas is promoted", RIGHT_S, 0.02)
            lost.thaw()
            group.wait_for_another(lost)
            wait_until(lambda: not workers_at(lost), "no worker uses it", RIGHT_S)
            assert lost.asks("ROLE")[0] == "master", "no Sentinel can demote it"
            total = visit_each_in_turn(each_worker, open_pages, MEANWHILE, "meanwhile")
            assert_right(each_worker, open_pages, total)


def is_master(node: RedisNode) -> bool:
    with suppress(redis.RedisError):  # when it is promoted, a Sentinel closes its connections
        return bool(node.asks("ROLE")[0] == "master")
    return False


def workers_at(node: RedisNode) -> list[dict[str, str]]:
    """The workers' connections. Sentinels name theirs, and replicas have a flag."""
    with node.client() as client:
        others = (connection for connection in client.client_list() if connection["cmd"] != "client|list")
        return [other for other in others if not other["name"] and "S" not in other["flags"]]


BACK_S = NOTICED_S = PATIENCE_S
LOOKS, LOOK_S = 30, 0.05


def redis_responds(connection) -> bool:
    return connection.ask("GET", "/readyz")[1]["checks"]["redis"]["ok"]


def assert_it_says_so(connection) -> None:
    wait_until(lambda: not redis_responds(connection), "it says that Redis is away", NOTICED_S)
    for _ in range(LOOKS):  # for over a second, so that the worker tries everything that it sends
        assert not redis_responds(connection)
        time.sleep(LOOK_S)
    assert connection.status("/readyz") == 503
    assert connection.ask("GET", "/readyz")[1]["checks"]["database"]["ok"] is True
    assert connection.status("/healthz") == 200


@pytest.mark.parametrize("failure", ["freeze", pytest.param("kill", marks=pytest.mark.long)])
def test_visits_are_counted_and_pushed_while_redis_is_down(new_server, sqlite_database, disposable_redis, failure):
    """Redis is away when the server starts, and again later. Each time it returns, all pages show the same numbers."""
    come_back = {"freeze": disposable_redis.thaw, "kill": disposable_redis.start}
    disposable_redis.kill()
    server = two_workers(new_server(sqlite_database, REDIS_URL=disposable_redis.url))
    with worker_connections(server) as each_worker, pages(server) as open_pages:
        for how in ("kill", failure):
            active = each_worker[0].stats().active
            if disposable_redis.running:
                getattr(disposable_redis, how)()
            total = visit_each_in_turn(each_worker, open_pages, 10, f"{how}-{active}")
            for connection in each_worker:
                assert_it_says_so(connection)
            assert {connection.stats().active for connection in each_worker} == {active + 5}, "each knows its own"
            come_back[how]()
            all_of_it = total, active + 10
            wait_until_same(
                flat(open_pages), each_worker, BACK_S, lambda stats, all=all_of_it: (stats.total, stats.active) == all
            )
            for connection in each_worker:
                wait_until(
                    lambda connection=connection: connection.status("/readyz") == 200,
                    "it says that Redis is back",
                    BACK_S,
                )
            assert_received(each_worker, flat(open_pages))
        for page in flat(open_pages):
            assert_never_fell(page)
