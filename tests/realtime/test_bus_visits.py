"""Several workers and Redis: every page on every worker shows every visit, the same numbers, and never less."""

from __future__ import annotations

from collections import Counter

import pytest
from support.crowd import Crowd
from support.listener import SocketioListener
from support.redis import Redis
from support.workers import (
    WEBSOCKET,
    Desk,
    desks,
    flat,
    only,
    pages,
    two_workers,
    wait_until_same,
    worker_of,
)

SOON_S = 15


@pytest.fixture(scope="module")
def redis(module_database):
    """One for each database: what shares a Redis is one site."""
    server = Redis().start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def server(module_servers, module_database, redis):
    return two_workers(module_servers(module_database, REDIS_URL=redis.url))


def test_visit_of_somebody_active_is_one_event_on_each_socket_and_the_same_json(server):
    with desks(server) as each_worker, pages(server, of_each=2) as open_pages:
        for desk in each_worker:
            told = desk.register("ayesha")
        wait_until_same(flat(open_pages), each_worker, SOON_S, lambda stats: stats.total == told.ordinal)
        heard = [len(page.updates) for page in flat(open_pages)]
        first = told.ordinal + 1
        for number in range(10):
            told = each_worker[number % 2].register("ayesha")
            for page in flat(open_pages):
                page.wait_for_total(told.ordinal)
        later = [page.updates[already:] for page, already in zip(flat(open_pages), heard, strict=True)]
        for shown in later:
            assert [stats.total for stats in shown] == list(range(first, first + 10))
        for of_worker in (later[:4], later[4:]):
            assert all([stats.raw for stats in shown] == [stats.raw for stats in of_worker[0]] for shown in of_worker)


def test_no_new_connection_is_shown_less_than_was_acknowledged_by_any_worker(server):
    """In the middle of a crowd, whichever worker takes the connection."""
    before, workers = server.stats().total, server.workers()
    answered = Counter()
    with desks(server) as each_worker, Crowd([server], visits=150, clients=4, seed=21) as crowd:
        for number in range(50):
            ordinal = each_worker[number % 2].register("reader", visit=f"read-{number}").ordinal
            with Desk(server) as asked:
                assert asked.stats().total >= ordinal
                if number % 5 == 0:
                    answered[worker_of(workers, asked.address)] += 1
    assert crowd.surprises == []
    assert server.stats().total == before + 200
    assert len(answered) == 2, f"all came to one worker: {answered}"


# Who is refused, who is replaced, and how all of them leave.


def test_every_worker_refuses_polling_with_a_reason_and_serves_websockets(server):
    for worker in server.workers():
        with only(server, worker), SocketioListener(server.port, transports=WEBSOCKET) as page, Desk(server) as desk:
            assert page.transport == "websocket"
            assert page.first().total == page.ask("request_count")["stats"]["totalVisits"]
            status, reason = desk.ask("GET", "/socket.io/?EIO=4&transport=polling")
            assert status == 400
            assert "transport" in reason.lower()
