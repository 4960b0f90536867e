"""Failovers between several Redis servers: no visit is delayed, and all pages are right soon after another server takes
over.
"""

from collections.abc import Callable
from contextlib import suppress

import pytest
import redis
from same_numbers import visit_each_in_turn, wait_until_same
from support.clients.worker_connections import (
    assert_never_fell,
    assert_received,
    flat,
    pages,
    two_workers,
    worker_connections,
)
from support.databases.redis_groups import RedisNode, RedisWithSentinels
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

RIGHT_S = PATIENCE_S
"""15 s are promised, starting when another server takes over. The longer limit allows for a busy machine."""

DEMOTIONS = ("-replicaof", "-slaveof")
"""Commands that a Sentinel uses, after about 10 s, to demote a master that has returned."""

BEFORE, MEANWHILE = 6, 6
LONG = pytest.mark.long(
    proved_by="realtime/test_redis_failovers.py::test_pages_are_right_soon_after_another_redis_serves"
)


def freeze(group: RedisWithSentinels) -> Callable[[], None]:
    frozen = group.master()
    frozen.freeze()
    return frozen.thaw


def kill(group: RedisWithSentinels) -> Callable[[], object]:
    killed = group.master()
    killed.kill()
    return killed.start


@pytest.mark.parametrize(
    ("fail", "returns"),
    [
        (kill, False),
        pytest.param(kill, True, marks=LONG),
        pytest.param(freeze, True, marks=LONG),
    ],
)
def test_pages_are_right_soon_after_another_redis_serves(new_server, sqlite_database, fail, returns):
    with RedisWithSentinels() as group:
        server = two_workers(new_server(sqlite_database, REDIS_URL=group.url))
        with worker_connections(server) as each_worker, pages(server) as open_pages:
            visit_each_in_turn(each_worker, open_pages, BEFORE, "before")
            lost = group.master()
            group.watch()
            come_back = fail(group)
            total = visit_each_in_turn(each_worker, open_pages, MEANWHILE, "meanwhile")
            group.wait_for_another(lost)
            assert_right(each_worker, open_pages, total)
            if returns:
                come_back()
                group.settle()
                assert_right(each_worker, open_pages, total)
            assert_received(each_worker, flat(open_pages))
            for page in flat(open_pages):
                assert_never_fell(page)


@pytest.mark.long(
    proved_by="base/cluster/test_redis_outages.py::test_a_worker_leaves_a_replaced_redis_master_although_the_master_continues_to_serve"
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


def assert_right(each_worker, open_pages, total: int) -> None:
    right = total, BEFORE + MEANWHILE
    wait_until_same(flat(open_pages), each_worker, RIGHT_S, lambda stats: (stats.total, stats.active) == right)
    for connection in each_worker:
        ready = "it says that all of Redis answers"
        wait_until(lambda connection=connection: connection.status("/readyz") == 200, ready, RIGHT_S)
