"""Events that a connected page receives: on connecting and at every change, never out of order."""

import time
from contextlib import ExitStack, contextmanager

import pytest
from support.clients.concurrent_registrations import Crowd
from support.clients.listener import BOTH_KINDS, PlainListener, SocketioListener
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
def test_the_original_client_sees_its_own_visit_and_later_visits(sqlite_server, kind):
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


def test_no_visit_is_pushed_before_it_is_committed(sqlite_server):
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
        with Crowd([sqlite_server], visits=100, clients=8, seed=13, goes_on=True):
            wait_until(lambda: len(page.updates) > 3, "the page gets updates while visits are committed")
        page.wait_for_total(ledger_total(sqlite_server))
    assert announced_early == []


def test_failed_commits_and_retries_push_no_event(sqlite_server):
    first = sqlite_server.register("ayesha", visit="once").ordinal
    with pages(sqlite_server) as open_pages:
        with sqlite_server.database.locked():
            assert sqlite_server.post_visit("ayesha", visit="refused").status_code == 503
        assert sqlite_server.register("ayesha", visit="once").ordinal == first
        assert sqlite_server.register("karim", visit="another").ordinal == first + 1
        for page in open_pages:
            page.wait_for_total(first + 1)
            assert [stats.total for stats in page.updates] == [first, first + 1]


def test_update_interval_ms_limits_how_often_pages_are_updated(new_server, sqlite_database):
    """The last value still arrives. An update that was due before the first visit may be among those counted."""
    server = new_server(sqlite_database, UPDATE_INTERVAL_MS=1000).start()
    with pages(server) as open_pages:
        began, number = time.monotonic(), 0
        while time.monotonic() - began < 10 * INTERVAL_S:
            number += 1
            server.register("ayesha", visit=str(number))
        for page in open_pages:
            page.wait_for_total(server.stats().total)
            most = (time.monotonic() - began) + 2
            assert len(page.updates[1:]) <= most


@pytest.mark.parametrize("transports", [["polling"], ["polling", "websocket"]], ids="+".join)
def test_socketio_events_and_acknowledgements_arrive_by_every_transport(sqlite_server, transports):
    with SocketioListener(sqlite_server.port, transports=transports) as page:
        before = page.first()
        assert before == sqlite_server.stats()
        assert page.transport == transports[-1]
        acknowledged = page.ask("ping")
        assert acknowledged["ok"] is True
        assert page.next_of_type("pong") == {name: acknowledged[name] for name in ("type", "timestamp")}
        for number in range(3):
            stats = sqlite_server.register(f"v{number}").stats
            assert page.wait_for_total(stats.total) == stats
        assert page.ask("request_count") == {"ok": True, **page.of_type("visitor_update")[-1].event}
        revisions = [stats.revision for stats in page.updates[:4]]
        assert revisions == sorted({before.revision, *revisions})
