"""Several servers on one database, with and without a shared Redis."""

from contextlib import ExitStack, contextmanager

import pytest
from same_numbers import wait_until_same
from support.assertions.ledger import assert_exact
from support.clients.concurrent_registrations import Crowd
from support.clients.listener import BOTH_KINDS
from support.clients.worker_connections import (
    WorkerConnection,
    assert_never_fell,
    assert_received,
    flat,
    only,
    pages,
    two_workers,
    worker_connections,
)
from support.databases.redis import Redis
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

SOON_S = PATIENCE_S
"""2 s are promised. The longer limit allows for a busy machine."""


@contextmanager
def open_at(servers):
    """An HTTP connection and a page of each kind on each server. Each server has one worker."""
    with ExitStack() as stack:
        connections = [stack.enter_context(WorkerConnection(server)) for server in servers]
        opened = [[stack.enter_context(kind(server.port)) for kind in BOTH_KINDS] for server in servers]
        for page in flat(opened):
            page.first()
        yield connections, opened


def two_servers(new_server, database, **settings):
    servers = [new_server(database, **settings).launch() for _ in range(2)]
    return [server.wait_until_serving() for server in servers]


def test_two_servers_with_one_database_and_redis_show_the_same_numbers(new_server, database, disposable_redis):
    joined = two_servers(new_server, database, REDIS_URL=disposable_redis.url)
    with open_at(joined) as (each_server, open_pages):
        assert_received(each_server, flat(open_pages))
        with Crowd(joined, visits=100, visitors=50, seed=31) as crowd:
            pass
        assert_exact(crowd, joined[0], before=10)
        wait_until_same(flat(open_pages), each_server, SOON_S, lambda stats: (stats.total, stats.active) == (110, 51))
        for page in flat(open_pages):
            assert_never_fell(page)


def test_pages_show_the_visits_of_another_server_without_redis(new_server, database):
    separate = two_servers(new_server, database)
    with open_at(separate) as (each_server, open_pages):
        for number in range(4):
            receipt = each_server[number % 2].register("ayesha")
            for page in flat(open_pages):
                page.wait_for(lambda stats, receipt=receipt: stats.total == receipt.ordinal, "any visit")
        for page in flat(open_pages):
            assert_never_fell(page)


@pytest.fixture(scope="module")
def redis(module_database):
    """One Redis per database, because all servers on the same Redis form one site."""
    server = Redis().start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def server(module_servers, module_database, redis):
    return two_workers(module_servers(module_database, REDIS_URL=redis.url))


def ten_visits_are_ten_events(each_worker, open_pages):
    """Whether ten visits cause ten events, and no worker corrected its active visitors in between."""
    received = [len(page.updates) for page in open_pages]
    for number in range(10):
        receipt = each_worker[number % 2].register("ayesha")
        for page in open_pages:
            page.wait_for_total(receipt.ordinal)
    later = [page.updates[already:] for page, already in zip(open_pages, received, strict=True)]
    totals = list(range(receipt.ordinal - 9, receipt.ordinal + 1))
    if any([stats.total for stats in shown] != totals for shown in later):
        return False
    for of_worker in (later[:4], later[4:]):
        assert all([stats.raw for stats in shown] == [stats.raw for stats in of_worker[0]] for shown in of_worker)
    return True


def test_a_visit_by_an_active_visitor_sends_one_identical_event_to_each_socket(server):
    with worker_connections(server) as each_worker, pages(server, of_each=2) as open_pages:
        all_pages = flat(open_pages)
        for connection in each_worker:
            receipt = connection.register("ayesha")
        wait_until_same(all_pages, each_worker, SOON_S, lambda stats: stats.total == receipt.ordinal)
        wait_until(lambda: ten_visits_are_ten_events(each_worker, all_pages), "ten visits are ten events", SOON_S)


def test_a_server_with_several_workers_refuses_polling(server):
    for worker in server.workers():
        with only(server, worker), WorkerConnection(server) as connection:
            status, reason = connection.ask("GET", "/socket.io/?EIO=4&transport=polling")
            assert status == 400
            assert "transport" in reason.lower()
