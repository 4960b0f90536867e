"""Several workers and Redis: every page on every worker shows every visit, the same numbers, and never less."""

from __future__ import annotations

from collections import Counter

import pytest
from support.checks import assert_exact
from support.crowd import Crowd
from support.listener import PlainListener, SocketioListener
from support.listeners import Listeners
from support.processes import wait_until
from support.redis import Redis
from support.workers import (
    WEBSOCKET,
    Desk,
    all_ready,
    assert_heard_at_once,
    assert_never_fell,
    desks,
    flat,
    only,
    pages,
    two_workers,
    wait_until_same,
    worker_of,
)

pytestmark = pytest.mark.waits


SOON_S = 15
GONE_S = 10


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


def test_killed_worker_is_replaced_and_the_pages_of_the_others_notice_nothing(server):
    before = server.stats().total
    killed, other = server.workers()
    with pages(server) as (lost, kept):
        with Crowd([server], visits=200, clients=6, seed=41) as crowd:
            crowd.wait_for(100)
            killed.kill()
        wait_until(lambda: all_ready(server, 2), "it is replaced")
        assert killed.pid not in server.worker_pids()
        assert_exact(crowd, server, visits=200, before=before)
        for page in kept:
            page.wait_for_total(before + 200)
            assert_never_fell(page)
        plain, socketio = lost
        wait_until(lambda: not plain._reader.is_alive() and not socketio.client.connected, "its pages are cut off")
        (replacement,) = (worker for worker in server.workers() if worker.pid != other.pid)
        with (
            only(server, replacement),
            PlainListener(server.port) as again,
            SocketioListener(server.port, transports=WEBSOCKET) as too,
        ):
            assert (again.first().total, too.first().total) == (before + 200, before + 200)
        with desks(server) as each_worker:
            assert_heard_at_once(each_worker, kept)


def test_sigterm_to_two_workers_closes_all_sockets_with_1001_and_exits_0(new_server, sqlite_database, mortal_redis):
    server = two_workers(new_server(sqlite_database, REDIS_URL=mortal_redis.url))
    halves = []
    for worker in server.workers():
        with only(server, worker):
            halves.append(Listeners(server.port, 50).hear_first())
    with halves[0] as first, halves[1] as second:
        server.tell(15)
        first.are_over(GONE_S)
        second.are_over(GONE_S)
        left = server.wait()
        assert {each.code for each in first.all + second.all} == {1001}
    assert left.status == 0
    assert left.seconds < GONE_S
