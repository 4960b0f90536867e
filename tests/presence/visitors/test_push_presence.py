"""Presence by open sockets: a visitor is active for as long as their page is open, and a window longer."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest
from support.listener import BOTH_KINDS, PlainListener, SocketioListener
from support.processes import wait_until
from support.websocket import WebSocket

pytestmark = pytest.mark.waits

WINDOW_S = 3
SOON_S = WINDOW_S + 8
OTHER_BROWSER = "Mozilla/5.0 (Windows NT 10.0) another browser of the tests"


@pytest.fixture(scope="module")
def module_server(module_servers, module_sqlite_database):
    return module_servers(module_sqlite_database, ACTIVE_WINDOW_SECONDS=WINDOW_S).start()


@pytest.fixture
def server(module_server):
    """A server at which nobody is active."""
    wait_until(lambda: module_server.stats().active == 0, "those of the test before have gone", SOON_S)
    return module_server


def register(server, visitor, agent="the tests, who have no page"):
    answer = server.post("/api/visitor/register", json={"visitorId": visitor}, headers={"User-Agent": agent})
    assert answer.status_code == 200, answer.text
    return answer.json()["stats"]


def stays_active(server, count=1, windows=1.6):
    """Whether as many are active all the time."""
    until = time.monotonic() + windows * WINDOW_S
    while time.monotonic() < until:
        stats = server.stats()
        assert sum(place["count"] for place in stats.locations.values()) == stats.active
        if stats.active != count:
            return False
        time.sleep(WINDOW_S / 20)
    return True


def goes_one_window_after(server, closed_at):
    wait_until(lambda: server.stats().active == 0, "the visitor is gone", SOON_S)
    return time.monotonic() - closed_at >= WINDOW_S - 0.1


def test_visitor_whose_socket_says_who_it_is_stays_beyond_the_window_and_leaves_one_after_closing(server):
    for visitor in ("ayesha", "karim", "fatima"):
        register(server, visitor)
    with PlainListener(server.port, visitor="ayesha"), SocketioListener(server.port, visitor="karim"):  # noqa: SIM117
        with SocketioListener(server.port, auth={"visitorId": "fatima"}):
            assert stays_active(server, count=3)
            closing_at = time.monotonic()
    assert goes_one_window_after(server, closing_at)


def test_socket_of_an_anonymous_visitor_finds_them_by_a_header_or_by_what_it_says(server):
    for visitor in ("ayesha", "karim"):
        server.post("/api/visitor/register", json={"visitorId": visitor}, headers={"DNT": "1"})
    with (
        WebSocket(server.port, "Sec-GPC: 1", path="/?visitorId=ayesha"),
        WebSocket(server.port, path="/?visitorId=karim&anonymous=true"),
    ):
        assert stays_active(server, count=2)


def test_socket_whose_first_message_says_who_it_is_stays_beyond_the_window(server):
    register(server, "ayesha")
    wait_until(lambda: server.stats().active == 0, "she has gone", SOON_S)
    with PlainListener(server.port, agent=OTHER_BROWSER) as page:
        assert page.first().active == 0
        page.say({"type": "visitor", "visitorId": "ayesha"})
        page.wait_for(lambda stats: stats.active == 1, "she is there")
        assert stays_active(server)
        closing_at = time.monotonic()
    assert goes_one_window_after(server, closing_at)


def test_first_message_that_names_nobody_is_an_error_and_the_socket_goes_on(server):
    with PlainListener(server.port) as page:
        for said in ({"visitorId": "a b"}, {"visitorId": 5}, {}):
            before = len(page.of_type("error"))
            page.say({"type": "visitor", **said})
            assert "visitorId" in page.next_of_type("error", before)["error"]
        page.say({"type": "visitor", "visitorId": "ayesha"})
        page.say({"type": "visitor", "visitorId": "karim"})
        assert "already" in page.next_of_type("error", 3)["error"]
        page.say({"type": "ping"})
        assert page.next_of_type("pong")


@pytest.mark.parametrize("kind", BOTH_KINDS)
def test_first_event_holds_what_opening_changed_and_others_hear_of_it_once(server, kind):
    register(server, "ayesha")
    with PlainListener(server.port) as plain, SocketioListener(server.port) as other:
        for page in (plain, other):
            page.wait_for(lambda stats: stats.active == 0, "nobody is active", SOON_S)
        heard = [len(page.updates) for page in (plain, other)]
        with kind(server.port, visitor="ayesha") as opened:
            assert opened.first().active == 1
            for page in (plain, other):
                page.wait_for(lambda stats: stats == opened.first(), "what the other socket changed")
            total = register(server, "ayesha")["totalVisits"]
            opened.wait_for_total(total)
            assert len(opened.updates) == 2, "opening a socket caused a second event on it"
            for page, before in zip((plain, other), heard, strict=True):
                page.wait_for_total(total)
                assert len(page.updates) == before + 2


def test_expiry_is_pushed_without_anybody_doing_anything(server):
    with PlainListener(server.port) as plain, SocketioListener(server.port) as other:
        register(server, "ayesha")
        register(server, "karim")
        for page in (plain, other):
            page.wait_for(lambda stats: stats.active == 2, "both are active")
        for page in (plain, other):
            wait_until(lambda page=page: page.updates[-1].active == 0, "nobody is active", SOON_S)
            assert page.updates[-1].locations == {}
            totals = [stats.total for stats in page.updates]
            assert totals == sorted(totals)


def test_socket_first_and_then_the_registration(server):
    with (
        PlainListener(server.port, visitor="early_1") as plain,
        SocketioListener(server.port, visitor="early_2") as other,
    ):
        assert plain.first().active == other.first().active == 0
        register(server, "early_1")
        register(server, "early_2")
        for page in (plain, other):
            page.wait_for(lambda stats: stats.active == 2, "both are active")
        assert stays_active(server, count=2)


@pytest.mark.parametrize("first", ["visit", "socket"])
def test_socket_that_does_not_say_is_paired_with_the_visit_of_the_same_browser(server, first):
    with ExitStack() as pages:
        for kind in BOTH_KINDS:
            if first == "visit":
                register(server, f"with_{kind.kind}", kind.kind)
            pages.enter_context(kind(server.port, agent=kind.kind)).first()
            if first == "socket":
                register(server, f"with_{kind.kind}", kind.kind)
        assert stays_active(server, count=2)
        closing_at = time.monotonic()
    assert goes_one_window_after(server, closing_at)


@pytest.mark.parametrize("first", ["visit", "socket"])
def test_socket_of_another_browser_is_not_paired(server, first):
    with ExitStack() as pages:
        if first == "visit":
            register(server, "original", "one browser")
        pages.enter_context(PlainListener(server.port, agent=OTHER_BROWSER)).first()
        if first == "socket":
            register(server, "original", "one browser")
        wait_until(lambda: server.stats().active == 0, "the visitor is gone though the socket is open", SOON_S)


def test_one_visit_keeps_one_socket_and_one_socket_one_visit(server):
    """Two visits and two sockets make two active visitors; when one socket closes, its visitor goes."""
    register(server, "first", "shared")
    with PlainListener(server.port, agent="shared") as one, PlainListener(server.port, agent="shared") as two:
        one.first()
        two.first()
        assert stays_active(server), "the second socket has no visit of its own, and takes none"
        register(server, "second", "shared")
        assert stays_active(server, count=2)
        one.close()
        wait_until(lambda: server.stats().active == 1, "one has gone", SOON_S)
        assert stays_active(server)


def test_several_sockets_of_one_visitor_are_one_and_the_last_one_holds(server):
    register(server, "ayesha")
    with PlainListener(server.port, visitor="ayesha") as last:
        with PlainListener(server.port, visitor="ayesha"), SocketioListener(server.port, visitor="ayesha"):
            assert server.stats().active == 1
        assert stays_active(server)
        closing_at = time.monotonic()
        last.close()
    assert goes_one_window_after(server, closing_at)


def test_visitor_who_never_registered_never_counts(server):
    with (
        PlainListener(server.port, visitor="nobody") as plain,
        SocketioListener(server.port, visitor="no_one") as other,
    ):
        assert plain.first().active == other.first().active == 0
        assert stays_active(server, count=0, windows=1.2)


def test_socket_after_that_of_a_stranger_is_not_taken_for_theirs(server):
    """Somebody who never registered leaves; the next socket from there, which does not say, is nobody's."""
    for kind in BOTH_KINDS:
        with kind(server.port, visitor="nobody") as page:
            page.first()
    for kind in BOTH_KINDS:
        with kind(server.port) as page:
            assert page.first().active == 0
    assert server.stats().active == 0


def test_visitor_id_that_is_none_is_like_none(server):
    for said in ("", "a b", "a" * 129, "কমলা"):
        with PlainListener(server.port, visitor=said) as page:
            assert page.first().active == 0


def test_locations_add_up_to_active_users_in_everything_that_is_said(server):
    with PlainListener(server.port) as plain, SocketioListener(server.port) as other:
        for number in range(40):
            said = register(server, f"v{number}")
            assert sum(place["count"] for place in said["locations"].values()) == said["activeUsers"]
            if number % 10 == 9:
                time.sleep(WINDOW_S / 3)  # some go while others come
        wait_until(lambda: plain.updates[-1].active == other.updates[-1].active == 0, "all have gone", SOON_S)
        assert max(stats.active for stats in plain.updates) > 1
        for stats in plain.updates + other.updates:
            assert sum(place["count"] for place in stats.locations.values()) == stats.active
