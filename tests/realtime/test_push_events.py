"""What a connected page hears, and when: at once on connecting, at every change, never backwards."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from itertools import pairwise

import pytest
from support.crowd import Crowd
from support.listener import BOTH_KINDS, PlainListener, SocketioListener
from support.processes import wait_until

INTERVAL_S = 0.05
SPEC_KEYS = ["totalVisitors", "totalVisits", "todayVisits", "activeUsers", "uniqueVisitors", "locations",
             "revision", "epoch", "timestamp"]  # fmt: skip


@contextmanager
def pages(server, of_each=1):
    """Open pages of both kinds that have heard their first event, and nothing else."""
    with ExitStack() as stack:
        found = [stack.enter_context(kind(server.port)) for kind in BOTH_KINDS for _ in range(of_each)]
        for page in found:
            page.first()
        yield found


def ledger_total(server) -> int:
    return server.database.rows("SELECT total FROM counters WHERE scope = 'site'")[0][0]


@pytest.mark.parametrize("kind", BOTH_KINDS)
def test_first_event_comes_without_asking_and_is_the_present_state(sqlite_server, kind):
    present = sqlite_server.register("ayesha").stats
    with kind(sqlite_server.port) as page:
        assert page.first() == present
        assert list(page.heard[0].event) == ["type", "stats", "last"]
        assert list(page.heard[0].event["stats"]) == SPEC_KEYS


@pytest.mark.parametrize("kind", BOTH_KINDS)
def test_opening_a_socket_that_changes_nothing_tells_nobody_anything(sqlite_server, kind):
    with pages(sqlite_server) as others, kind(sqlite_server.port) as page:
        page.first()
        total = sqlite_server.register("ayesha").ordinal
        for each in (*others, page):
            each.wait_for_total(total)
            assert len(each.updates) == 2


def test_burst_of_500_is_few_events_of_which_the_first_comes_at_once_and_the_last_is_exact(sqlite_server):
    before = sqlite_server.stats().total
    with pages(sqlite_server, of_each=3) as open_pages:
        began = time.monotonic()
        with Crowd([sqlite_server], visits=500, clients=8, seed=11) as crowd:
            for page in open_pages:
                page.wait_for(lambda stats: stats.total > before, "the first change")
            assert crowd.acknowledged < 500
        took_s = time.monotonic() - began
        assert crowd.surprises == []
        for page in open_pages:
            page.wait_for_total(before + 500)
        most = (time.monotonic() - began) / INTERVAL_S + 2
        for page in open_pages:
            changes = page.updates[1:]
            assert 2 <= len(changes) <= most, f"{len(changes)} events in {took_s} s"
            assert changes[0].total < before + 100, "the first change did not go out at once"
            assert changes[-1] == sqlite_server.stats()


def test_totals_and_revisions_only_grow_on_each_socket(sqlite_server):
    """Also on those that are opened while it changes."""
    with pages(sqlite_server, of_each=2) as open_pages, ExitStack() as late:
        with Crowd([sqlite_server], visits=600, clients=6, seed=12) as crowd:
            for acknowledged in range(50, 450, 50):
                crowd.wait_for(acknowledged)
                open_pages.append(late.enter_context(BOTH_KINDS[acknowledged // 50 % 2](sqlite_server.port)))
        total = sqlite_server.stats().total
        for page in open_pages:
            page.wait_for_total(total)
            for earlier, later in pairwise(page.updates):
                assert later.revision > earlier.revision
                assert later.total >= earlier.total
                assert later.epoch == earlier.epoch
                assert sum(place["count"] for place in later.locations.values()) == later.active


def test_nothing_is_announced_before_it_is_committed(sqlite_server):
    """At the moment an event is heard, the ledger on disk already holds all that it counts."""
    announced_early = []

    class Auditor(PlainListener):
        def note(self, event):
            total = ledger_total(sqlite_server)
            if event["stats"]["totalVisits"] > total:
                announced_early.append((event["stats"]["totalVisits"], total))
            super().note(event)

    with Auditor(sqlite_server.port) as page:
        page.first()
        with Crowd([sqlite_server], visits=400, clients=8, seed=13):
            pass
        page.wait_for_total(ledger_total(sqlite_server))
        assert len(page.updates) > 2
    assert announced_early == []


def test_visit_that_cannot_be_committed_is_not_announced(sqlite_server):
    with pages(sqlite_server) as open_pages:
        with sqlite_server.database.locked():
            refused = sqlite_server.post_visit("ayesha", visit="1")
            assert refused.status_code == 503
        total = sqlite_server.register("karim", visit="2").ordinal
        for page in open_pages:
            page.wait_for_total(total)
            assert [stats.total for stats in page.updates] == [total - 1, total]


def test_retry_is_no_change_and_tells_nobody(sqlite_server):
    first = sqlite_server.register("ayesha", visit="once")
    with pages(sqlite_server) as open_pages:
        assert sqlite_server.register("ayesha", visit="once").ordinal == first.ordinal
        sqlite_server.register("karim", visit="another")
        for page in open_pages:
            page.wait_for_total(first.ordinal + 1)
            assert [stats.total for stats in page.updates] == [first.ordinal, first.ordinal + 1]


def test_plain_ping_is_answered_with_pong_and_the_time(sqlite_server):
    with PlainListener(sqlite_server.port) as page:
        page.first()
        page.say({"type": "ping"})
        assert page.next_of_type("pong").keys() == {"type", "timestamp"}
        assert page.next_of_type("pong")["timestamp"].endswith("Z")


def test_plain_request_count_is_answered_with_the_present_value_every_time(sqlite_server):
    with PlainListener(sqlite_server.port) as page:
        shown = page.first()
        for asked in range(3):
            page.say({"type": "request_count"})
            assert page.next_of_type("visitor_update", after=1 + asked)["stats"] == shown.raw


def test_plain_messages_are_answered_in_the_order_they_were_sent(sqlite_server):
    with PlainListener(sqlite_server.port) as page:
        page.first()
        for _ in range(20):
            page.say({"type": "request_count"})
        total = sqlite_server.register("in_between").ordinal
        page.say({"type": "request_count"})
        page.wait_for_total(total)
        wait_until(lambda: len(page.updates) >= 22, "all are answered")
        totals = [stats.total for stats in page.updates]
        assert totals == sorted(totals)


def test_socketio_ping_is_acknowledged_and_answered(sqlite_server):
    with SocketioListener(sqlite_server.port) as page:
        acknowledged = page.ask("ping")
        assert acknowledged["ok"] is True
        assert page.next_of_type("pong") == {name: acknowledged[name] for name in ("type", "timestamp")}


def test_socketio_request_count_is_acknowledged_with_the_present_value(sqlite_server):
    with SocketioListener(sqlite_server.port) as page:
        shown = page.first()
        acknowledged = page.ask("request_count")
        assert acknowledged == {"ok": True, **page.heard[0].event}
        assert acknowledged["stats"] == shown.raw
        assert page.next_of_type("visitor_update", after=1)["stats"] == shown.raw


@pytest.mark.parametrize("event", ["no_such_event", "stats", "visitor_update"])
def test_socketio_event_nobody_knows_is_refused_and_the_socket_stays_open(sqlite_server, event):
    with SocketioListener(sqlite_server.port) as page:
        refused = page.ask(event, {"some": "thing"})
        assert (refused["ok"], refused["code"]) == (False, "invalid_message")
        assert event in refused["error"]
        said = {"error": refused["error"], "message": refused["error"], "code": refused["code"]}
        assert page.next_of_type("error") == {"type": "error", **said}
        assert page.ask("ping")["ok"] is True


def test_plain_message_nobody_knows_is_refused_and_the_socket_stays_open(sqlite_server):
    with PlainListener(sqlite_server.port) as page:
        page.say({"type": "no_such_type"})
        refused = page.next_of_type("error")
        assert refused.keys() == {"type", "error", "message", "code"}
        assert "no_such_type" in refused["error"]
        page.say({"type": "ping"})
        page.next_of_type("pong")


def test_operator_says_how_long_a_page_has_to_wait_for_the_next_update(new_server, sqlite_database):
    """The last value arrives all the same."""
    server = new_server(sqlite_database, UPDATE_INTERVAL_MS=3000).start()
    with pages(server) as open_pages:
        for number in range(1, 31):
            server.register("ayesha", visit=str(number))
        for page in open_pages:
            page.wait_for_total(server.stats().total)
            first, *later = (heard.at for heard in page.of_type("visitor_update")[1:])
            assert later
            assert later[0] - first > 10 * INTERVAL_S
