"""A failover between several Redis servers: no visit is delayed, and soon all pages show the same numbers."""

from same_numbers import visit_each_in_turn, wait_until_same
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
            for connection in each_worker:
                ready = "it says that all of Redis responds"
                wait_until(lambda connection=connection: connection.status("/readyz") == 200, ready, PATIENCE_S)
            assert_received(each_worker, flat(open_pages))
            for page in flat(open_pages):
                assert_never_fell(page)
