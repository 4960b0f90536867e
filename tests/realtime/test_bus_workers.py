"""Several workers behind one port: who is refused, who is replaced, and how all of them leave."""

from __future__ import annotations

import pytest
from support.checks import assert_exact
from support.crowd import Crowd
from support.listener import PlainListener, SocketioListener
from support.listeners import Listeners
from support.processes import wait_until
from support.workers import (
    WEBSOCKET,
    Desk,
    all_ready,
    assert_heard_at_once,
    assert_never_fell,
    desks,
    only,
    pages,
    two_workers,
)

pytestmark = pytest.mark.waits

GONE_S = 10


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis):
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url))


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


def test_sigterm_to_two_workers_closes_all_sockets_with_1001_and_exits_0(new_server, sqlite_database, redis_server):
    server = two_workers(new_server(sqlite_database, REDIS_URL=redis_server.url))
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
