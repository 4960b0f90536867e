"""The line of js/koyjabo.js to the server: what it takes from it, and that it comes back whatever happens to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.elsewhere import Line, begin_on, state, told, wait_for_state
from support.pages import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_socket_says_whose_it_is(line, elsewhere, site):
    begin_on(line, elsewhere, site)
    visitor = elsewhere.evaluate("localStorage.getItem('visitorId')")
    wait_for(elsewhere, lambda: line.said, "its first message")
    assert line.said[0] == {"type": "visitor", "visitorId": visitor}
    assert line.opened[0].url == f"ws://localhost:{site.port}/", "proxies log URLs"


def test_older_values_are_dropped_and_a_newer_count_is_taken(line, elsewhere, site):
    begin_on(line, elsewhere, site)
    line.push(total=4001, revision=10)
    line.push(total=4000, revision=11)
    line.push(total=4001, revision=9)
    line.push(total=7000, revision=99, epoch="9")
    wait_for_state(elsewhere, 4001, "live")
    line.push(total=12, revision=1, epoch="mj8k2f1y")
    wait_for_state(elsewhere, 12, "live")
    line.push(total=4002, revision=12)
    line.push(total=13, revision=2, epoch="mj8k2f1y")
    wait_for_state(elsewhere, 13, "live")
    assert [stats["totalVisits"] for stats in elsewhere.evaluate("window.events")] == [4001, 12, 13]


def test_newest_visit_and_milestones_are_told(line, elsewhere, site):
    begin_on(line, elsewhere, site)
    elsewhere.evaluate("""() => {
      window.milestones = [];
      addEventListener("koyjaboMilestone", ({ detail }) => window.milestones.push(detail));
      window.lasts = [];
      window.koyjabo.subscribe(() => window.lasts.push(window.koyjabo.last));
    }""")
    first, second = ({"at": f"2026-11-22T10:00:0{second}Z", "place": None} for second in (1, 2))
    line.push(total=4999, beside={"last": first})
    line.push(total=5000, revision=2, beside={"last": second, "milestone": 5000})
    line.push(total=4999, revision=3, beside={"last": first})
    line.push(total=5001, revision=4)
    wait_for_state(elsewhere, 5001, "live")
    assert elsewhere.evaluate("window.koyjabo.last") == second, "an older event has an older visit, others have none"
    assert elsewhere.evaluate("window.milestones") == [{"milestone": 5000}]
    lasts = elsewhere.evaluate("window.lasts")
    assert [lasts[0], *sorted({each["at"] for each in lasts if each})] == [None, first["at"], second["at"]]


def test_lost_line_is_opened_again_after_5_s_and_then_less_and_less_often(line, elsewhere, site):
    elsewhere.clock.install()
    begin_on(line, elsewhere, site)
    elsewhere.clock.pause_at(elsewhere.evaluate("Date.now()") + 1000)  # from now on it passes here alone
    waits = [wait_for_another(line, elsewhere) for _ in range(5)]
    bounds = [(4, 6), (8, 11), (16, 21), (24, 31), (24, 31)]
    assert all(low <= wait <= high for wait, (low, high) in zip(waits, bounds, strict=True)), waits


def test_also_the_longest_wait_is_another_one_for_each_page(line, elsewhere, site):
    elsewhere.clock.install()
    begin_on(line, elsewhere, site)
    elsewhere.clock.pause_at(elsewhere.evaluate("Date.now()") + 1000)
    elsewhere.evaluate("Math.random = () => 0")
    waits = [wait_for_another(line, elsewhere) for _ in range(4)]
    elsewhere.evaluate("Math.random = () => 0.9999")
    waits.append(wait_for_another(line, elsewhere))
    bounds = [(4, 5), (8, 9), (16, 17), (24, 25), (30, 31)]
    assert all(low <= wait <= high for wait, (low, high) in zip(waits, bounds, strict=True)), waits


def wait_for_another(line: Line, tab: Page) -> int:
    """Seconds on the page's clock from the end of its socket to the next one, rounded up."""
    opened = len(line.opened)
    line.opened[-1].close()
    wait_for(tab, lambda: state(tab)[1] == "offline", "it notices")
    for waited_s in range(60):
        if tab.evaluate("window.sockets") > opened:
            wait_for(tab, lambda: len(line.opened) > opened, "it is here")
            return waited_s
        tab.clock.run_for(1000)
    raise AssertionError("it does not come again")


@pytest.mark.parametrize(
    "event", ["window.dispatchEvent(new Event('online'))", "document.dispatchEvent(new Event('visibilitychange'))"]
)
def test_lost_line_is_opened_at_once_when_somebody_looks_or_the_network_is_back(line, elsewhere, site, event):
    elsewhere.clock.install()
    begin_on(line, elsewhere, site)
    line.opened[-1].close()
    wait_for(elsewhere, lambda: state(elsewhere)[1] == "offline", "it notices")
    assert len(line.opened) == 1
    elsewhere.evaluate(event)
    wait_for(elsewhere, lambda: len(line.opened) == 2, "it is opened again")


def test_numbers_are_right_when_somebody_looks_again_whatever_has_become_of_the_line(line, elsewhere, site):
    begin_on(line, elsewhere, site)
    line.push(total=4001)
    wait_for_state(elsewhere, 4001, "live")
    elsewhere.route("**/api/stats", lambda route: route.fulfill(json=told(4005, revision=5)))
    elsewhere.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    wait_for_state(elsewhere, 4005, "live")


def test_line_that_died_without_a_word_is_noticed_within_a_minute(line, elsewhere, site):
    elsewhere.clock.install()
    begin_on(line, elsewhere, site)
    line.push(total=4001)
    wait_for_state(elsewhere, 4001, "live")
    elsewhere.clock.run_for(46_000)
    wait_for(elsewhere, lambda: line.said[1:] == [{"type": "request_count"}], "it asks whether anybody is there")
    elsewhere.clock.run_for(11_000)
    wait_for_state(elsewhere, 4001, "offline")


def test_quiet_line_stays(line, elsewhere, site):
    elsewhere.clock.install()
    begin_on(line, elsewhere, site)
    for revision in range(1, 4):
        line.push(total=4001, revision=revision)
        wait_for_state(elsewhere, 4001, "live")
        elsewhere.clock.run_for(46_000)
        wait_for(elsewhere, lambda count=revision: len(line.said[1:]) == count, "it asks")
    assert len(line.opened) == 1


def test_page_that_comes_back_from_the_cache_of_pages_opens_its_line_at_once(line, elsewhere, site):
    """Its socket was closed when it was put there, and says so only later."""
    elsewhere.clock.install()
    begin_on(line, elsewhere, site)
    line.push(total=4001)
    wait_for_state(elsewhere, 4001, "live")
    elsewhere.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    wait_for(elsewhere, lambda: len(line.opened) == 2, "it is opened again")


def test_whoever_has_unsubscribed_or_stopped_hears_no_more(line, elsewhere, site):
    begin_on(line, elsewhere, site)
    line.push(total=4001)
    wait_for_state(elsewhere, 4001, "live")
    elsewhere.evaluate("window.unsubscribe()")
    line.push(total=4002)
    wait_for_state(elsewhere, 4002, "live")
    assert elsewhere.evaluate("window.seen.at(-1)") == [4001, "live"]
    closed = []
    line.opened[-1].on_close(lambda code, reason: closed.append(code))
    elsewhere.evaluate("window.koyjabo.stop()")
    wait_for(elsewhere, lambda: closed, "its socket is closed")
    asked = []
    elsewhere.on("request", lambda request: asked.append(request.url))
    elsewhere.wait_for_timeout(2500)
    assert (asked, len(line.opened)) == ([], 1)
