"""4,000 becomes 4,001, as the open pages see it (specification: Original clients)."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest
from support.answers import Registered, Stats
from support.listener import BROWSER, PlainListener, SocketioListener

DOCUMENTED = {
    "visitorId": "visitor_1702757318000_a1b2c3d4e",
    "timestamp": 1702757318000,
    "userAgent": BROWSER,
    "referrer": "direct",
}
BLINK_S = 3.0
"""Of a machine that is busy with other tests."""


@pytest.fixture
def server(sqlite_database, new_server):
    return new_server(sqlite_database, STARTING_TOTAL=4000).start()


def open_page(server, visitor=None):
    """What the original client does: POST, verify, listen. Returns the receipt and its socket."""
    body = {**DOCUMENTED, **({"visitorId": visitor} if visitor else {})}
    answer = server.post("/api/visitor/register", json=body, headers={"User-Agent": BROWSER})
    receipt = Registered.of(answer.json())
    assert server.stats().total >= receipt.ordinal
    return receipt, PlainListener(server.port)


def test_4000_becomes_4001_on_every_open_page_and_in_the_answer(server):
    with ExitStack() as pages:
        open_pages = [
            pages.enter_context(kind(server.port)) for kind in (PlainListener, SocketioListener) for _ in range(5)
        ]
        assert [page.first().total for page in open_pages] == [4000] * 10
        answered = server.register("ayesha")
        done_at = time.monotonic()
        assert (answered.ordinal, answered.stats.total) == (4001, 4001)
        for page in open_pages:
            assert page.wait_for_total(4001) == answered.stats
            assert page.of_type("visitor_update")[-1].at - done_at < BLINK_S
    assert server.stats() == answered.stats


def test_original_client_sees_its_own_visit_and_then_those_of_others(server):
    receipt, page = open_page(server)
    with page:
        assert receipt.ordinal == page.first().total == 4001
        other, other_page = open_page(server, "visitor_2")
        with other_page:
            assert other.ordinal == page.wait_for_total(4002).total == other_page.first().total == 4002
        for heard in page.heard:
            assert heard.event.keys() == {"type", "stats", "last"}
            assert heard.event["type"] == "visitor_update"
    assert [stats.total for stats in page.updates] == [4001, 4002]


def test_page_and_admin_show_the_number_again_after_a_restart(server):
    receipt, page = open_page(server)
    page.close()
    assert server.stop().status == 0
    server.start()
    with PlainListener(server.port) as plain, SocketioListener(server.port) as other:
        assert plain.first().total == other.first().total == receipt.ordinal


def test_both_kinds_of_client_hear_the_same_json_that_http_answers(server):
    with PlainListener(server.port) as plain, SocketioListener(server.port) as other:
        for listener in (plain, other):
            listener.first()
        for number in range(3):
            stats = server.register(f"v{number}").stats
            assert plain.wait_for_total(stats.total).raw == other.wait_for_total(stats.total).raw == stats.raw
        assert Stats.of(server.get("/api/stats").json()) == plain.updates[-1]
