"""Events that a connected page receives: on connecting and at every change, never out of order."""

import time
from contextlib import ExitStack, contextmanager

import pytest
from support.clients.concurrent_registrations import Crowd
from support.clients.listener import BOTH_KINDS, PlainListener, SocketioListener
from support.clients.worker_connections import assert_never_fell
from support.programs.processes import wait_until

INTERVAL_S = 0.05
SPEC_KEYS = ["totalVisitors", "totalVisits", "todayVisits", "activeUsers", "uniqueVisitors", "locations",
             "revision", "epoch", "timestamp"]  # fmt: skip


@contextmanager
def pages(server, of_each=1):
    """Open pages of both kinds that have received only their first event."""
    with ExitStack() as stack:
        opened = [stack.enter_context(kind(server.port)) for kind in BOTH_KINDS for _ in range(of_each)]
        for page in opened:
            page.first()
        yield opened


def ledger_total(server) -> int:
    return server.database.rows("SELECT total FROM counters WHERE scope = 'site'")[0][0]


@pytest.mark.parametrize("kind", BOTH_KINDS)
def test_original_client_sees_its_own_visit_and_later_ones(sqlite_server, kind):
    """It registers, verifies and listens: 4,000 becomes 4,001 (specification: Original clients)."""
    receipt = sqlite_server.register("ayesha")
    assert sqlite_server.stats() == receipt.stats
    with kind(sqlite_server.port) as page:
        assert page.first().raw == receipt.stats.raw
        assert list(page.received[0].event) == ["type", "stats", "last"]
        assert list(page.received[0].event["stats"]) == SPEC_KEYS
        with pages(sqlite_server) as others:  # opening a socket that changes nothing pushes nothing
            second = sqlite_server.register("karim")
            assert second.ordinal == second.stats.total == receipt.ordinal + 1
            for client in (*others, page):
                assert client.wait_for_total(second.ordinal).raw == second.stats.raw
                assert len(client.updates) == 2


def test_burst_sends_few_events_and_the_last_is_exact(sqlite_server):
    """Totals and revisions only grow, also on sockets opened during the burst. `test_rooms.py` proves that the first
    event is immediate.
    """
    before = sqlite_server.stats().total
    with pages(sqlite_server) as open_pages, ExitStack() as late:
        began = time.monotonic()
        with Crowd([sqlite_server], visits=300, clients=8, seed=11) as crowd:
            for acknowledged in range(50, 250, 50):
                crowd.wait_for(acknowledged)
                open_pages.append(late.enter_context(BOTH_KINDS[acknowledged // 50 % 2](sqlite_server.port)))
        assert crowd.surprises == []
        for page in open_pages:
            page.wait_for_total(before + 300)
        most = (time.monotonic() - began) / INTERVAL_S + 2
        for page in open_pages:
            assert len(page.updates[1:]) <= most
            assert page.updates[-1] == sqlite_server.stats()
            assert_never_fell(page)
            assert len({stats.epoch for stats in page.updates}) == 1


def test_nothing_is_announced_before_it_is_committed(sqlite_server):
    """When an event arrives, the ledger on disk already contains everything it counts."""
    announced_early = []

    class Auditor(PlainListener):
        def note(self, event):
            total = ledger_total(sqlite_server)
            if event["stats"]["totalVisits"] > total:
                announced_early.append((event["stats"]["totalVisits"], total))
            super().note(event)

    with Auditor(sqlite_server.port) as page:
        page.first()
        with Crowd([sqlite_server], visits=200, clients=8, seed=13, goes_on=True):
            wait_until(lambda: len(page.updates) > 3, "the page gets updates while visits are committed")
        page.wait_for_total(ledger_total(sqlite_server))
    assert announced_early == []


def test_failed_commits_and_retries_are_not_announced(sqlite_server):
    first = sqlite_server.register("ayesha", visit="once").ordinal
    with pages(sqlite_server) as open_pages:
        with sqlite_server.database.locked():
            assert sqlite_server.post_visit("ayesha", visit="refused").status_code == 503
        assert sqlite_server.register("ayesha", visit="once").ordinal == first
        assert sqlite_server.register("karim", visit="another").ordinal == first + 1
        for page in open_pages:
            page.wait_for_total(first + 1)
            assert [stats.total for stats in page.updates] == [first, first + 1]


def test_plain_messages_get_current_values_in_order(sqlite_server):
    with PlainListener(sqlite_server.port) as page:
        shown = page.first()
        page.say({"type": "request_count"})
        assert page.next_of_type("visitor_update", after=1)["stats"] == shown.raw
        for _ in range(20):
            page.say({"type": "request_count"})
        total = sqlite_server.register("in_between").ordinal
        page.say({"type": "request_count"})
        page.wait_for_total(total)
        wait_until(lambda: len(page.updates) >= 23, "all are answered")
        totals = [stats.total for stats in page.updates]
        assert totals == sorted(totals)


def test_socketio_events_are_answered_and_acknowledged(sqlite_server):
    with SocketioListener(sqlite_server.port) as page:
        acknowledged = page.ask("ping")
        assert acknowledged["ok"] is True
        assert page.next_of_type("pong") == {name: acknowledged[name] for name in ("type", "timestamp")}
        shown = page.first()
        acknowledged = page.ask("request_count")
        assert acknowledged == {"ok": True, **page.received[0].event}
        assert page.next_of_type("visitor_update", after=1)["stats"] == acknowledged["stats"] == shown.raw


def test_setting_limits_how_often_pages_are_updated(new_server, sqlite_database):
    """The last value still arrives. An update that was due before the first visit may be among those counted."""
    server = new_server(sqlite_database, UPDATE_INTERVAL_MS=2000).start()
    with pages(server) as open_pages:
        began, number = time.monotonic(), 0
        while time.monotonic() - began < 20 * INTERVAL_S:
            number += 1
            server.register("ayesha", visit=str(number))
        for page in open_pages:
            page.wait_for_total(server.stats().total)
            most = (time.monotonic() - began) / 2 + 2
            assert len(page.updates[1:]) <= most


POLLING, WEBSOCKET, BOTH = ["polling"], ["websocket"], ["polling", "websocket"]


@pytest.mark.parametrize("transports", [POLLING, WEBSOCKET, BOTH], ids="+".join)
def test_updates_and_acknowledgements_arrive_by_every_transport(sqlite_server, transports):
    """This also holds after a reconnect."""
    for _ in range(2):
        with SocketioListener(sqlite_server.port, transports=transports) as page:
            before = page.first()
            assert before == sqlite_server.stats()
            assert page.transport == transports[-1]
            assert page.ask("ping")["ok"] is True
            for number in range(3):
                stats = sqlite_server.register(f"v{number}").stats
                assert page.wait_for_total(stats.total) == stats
            assert page.ask("request_count")["stats"] == sqlite_server.stats().raw
            revisions = [stats.revision for stats in page.updates[:4]]
            assert revisions == sorted({before.revision, *revisions})
