"""The connection of koyjabo.js to the server: which messages it accepts, and that it reconnects after any failure."""

from __future__ import annotations

import pytest
from support.browser.host_pages import FakeServer, begin_on, state, wait_for_state
from support.browser.pages import freeze, sent_by, wait_for

values = pytest.mark.long(proved_by="browser/test_client_connection.py::test_older_values_are_dropped")
returns = pytest.mark.long(proved_by="browser/test_client_connection.py::test_lost_line_is_opened_less_and_less_often")

BACK = ["window.dispatchEvent(new Event('online'))", "document.dispatchEvent(new Event('visibilitychange'))"]
FROM_CACHE = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
"""A return from the back/forward cache. The socket was closed when the page entered it, but the event comes later."""


@pytest.fixture
def begun(fake_server, host_page, site) -> FakeServer:
    begin_on(fake_server, host_page, site)
    return fake_server


@pytest.fixture
def timed(fake_server, host_page, site) -> FakeServer:
    """A fake server, with a fake clock installed in its page."""
    host_page.clock.install()
    begin_on(fake_server, host_page, site)
    return fake_server


@values
def test_socket_says_whose_it_is(begun, host_page, site):
    visitor = host_page.evaluate("localStorage.getItem('visitorId')")
    wait_for(host_page, lambda: begun.received, "its first message")
    assert begun.received[0] == {"type": "visitor", "visitorId": visitor}
    assert begun.opened[0].url == f"ws://localhost:{site.port}/", "proxies log URLs"


def test_older_values_are_dropped(begun, host_page):
    begun.push(total=4001, revision=10)
    begun.push(total=4000, revision=11)
    begun.push(total=4001, revision=9)
    begun.push(total=7000, revision=99, epoch="9")
    wait_for_state(host_page, 4001, "live")
    begun.push(total=12, revision=1, epoch="mj8k2f1y")
    wait_for_state(host_page, 12, "live")
    begun.push(total=4002, revision=12)
    begun.push(total=13, revision=2, epoch="mj8k2f1y")
    wait_for_state(host_page, 13, "live")
    assert [stats["totalVisits"] for stats in host_page.evaluate("window.events")] == [4001, 12, 13]


@values
def test_newest_visit_and_milestones_are_reported(begun, host_page):
    host_page.evaluate("""() => {
      window.milestones = [];
      addEventListener("koyjaboMilestone", ({ detail }) => window.milestones.push(detail));
      window.lasts = [];
      window.koyjabo.subscribe(() => window.lasts.push(window.koyjabo.last));
    }""")
    first, second = ({"at": f"2026-11-22T10:00:0{second}Z", "place": None} for second in (1, 2))
    begun.push(total=4999, more_fields={"last": first})
    begun.push(total=5000, revision=2, more_fields={"last": second, "milestone": 5000})
    begun.push(total=4999, revision=3, more_fields={"last": first})
    begun.push(total=5001, revision=4)
    wait_for_state(host_page, 5001, "live")
    assert host_page.evaluate("window.koyjabo.last") == second, "an older event has an older visit, others have none"
    assert host_page.evaluate("window.milestones") == [{"milestone": 5000}]
    lasts = host_page.evaluate("window.lasts")
    assert [lasts[0], *sorted({value["at"] for value in lasts if value})] == [None, first["at"], second["at"]]


def test_lost_line_is_opened_less_and_less_often(timed, host_page):
    """Pages wait for a random time, so that they do not all reconnect at once."""
    freeze(host_page)
    waits = []
    for chance in (0, 0, 0, 0, 0.9999):
        host_page.evaluate(f"Math.random = () => {chance}")
        waits.append(wait_for_another(timed, host_page))
    bounds = [(4, 5), (8, 9), (16, 17), (24, 25), (30, 31)]
    assert all(low <= wait <= high for wait, (low, high) in zip(waits, bounds, strict=True)), waits


def wait_for_another(fake_server: FakeServer, tab) -> int:
    """Close the page's socket, and return the seconds on its clock until it opens the next one, rounded up."""
    opened = len(fake_server.opened)
    fake_server.opened[-1].close()
    wait_for(tab, lambda: state(tab)[1] == "offline", "it notices")
    for waited_s in range(60):
        if tab.evaluate("window.sockets") > opened:
            wait_for(tab, lambda: len(fake_server.opened) > opened, "it is here")
            return waited_s
        tab.clock.run_for(1000)
    raise AssertionError("it does not come again")


@returns
@pytest.mark.parametrize("event", [*BACK, FROM_CACHE])
def test_lost_connection_reopens_when_the_page_is_shown_or_the_network_returns(timed, host_page, event):
    timed.push(total=4001)
    wait_for_state(host_page, 4001, "live")
    if event in BACK:
        timed.opened[-1].close()
        wait_for(host_page, lambda: state(host_page)[1] == "offline", "it notices")
    assert len(timed.opened) == 1
    host_page.evaluate(event)
    wait_for(host_page, lambda: len(timed.opened) == 2, "it is opened again")


def test_dead_connection_is_noticed_within_a_minute_and_a_quiet_one_stays_open(timed, host_page):
    for revision in range(1, 4):
        timed.push(total=4001, revision=revision)
        wait_for_state(host_page, 4001, "live")
        host_page.clock.run_for(46_000)
        asked = [{"type": "request_count"}] * revision
        wait_for(host_page, lambda asked=asked: timed.received[1:] == asked, "it asks whether anybody is there")
    assert len(timed.opened) == 1
    host_page.clock.run_for(11_000)
    wait_for_state(host_page, 4001, "offline")


@values
def test_no_updates_come_after_unsubscribing_or_stopping(timed, host_page):
    timed.push(total=4001)
    wait_for_state(host_page, 4001, "live")
    host_page.evaluate("window.unsubscribe()")
    timed.push(total=4002)
    wait_for_state(host_page, 4002, "live")
    assert host_page.evaluate("window.seen.at(-1)") == [4001, "live"]
    closed = []
    timed.opened[-1].on_close(lambda code, reason: closed.append(code))
    host_page.evaluate("window.koyjabo.stop()")
    wait_for(host_page, lambda: closed, "its socket is closed")
    asked = sent_by(host_page, "/")
    host_page.clock.run_for(60_000)
    assert (asked, host_page.evaluate("window.sockets")) == ([], 1)
