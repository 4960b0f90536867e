"""counting/koyjabo.js on other sites: what it counts and stores, and that any page can use it."""

from __future__ import annotations

import pytest
from support.browser.host_pages import begin, begin_live, begin_on, state, stats_of, wait_for_state
from support.browser.pages import sent_by, wait_for

counted = pytest.mark.long(proved_by="browser/test_client_module.py::test_any_page_can_import_it_and_is_one_visit")
kept = pytest.mark.long(proved_by="browser/test_client_module.py::test_what_is_kept_is_shown_offline_for_10_s")

KEPT = "JSON.parse(Object.entries(sessionStorage).find(([key]) => key.startsWith('koyjabo.stats'))?.[1] ?? 'null')"
AGE = """
(ageMs) => {
  const [key, kept] = Object.entries(sessionStorage).find(([key]) => key.startsWith("koyjabo.stats"));
  sessionStorage.setItem(key, JSON.stringify({ ...JSON.parse(kept), lastUpdated: Date.now() - ageMs }));
}
"""
CORS = {"Access-Control-Allow-Origin": "*"}
BLOCK_STORAGE = """
for (const area of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, area, { get() { throw new DOMException("blocked", "SecurityError"); } });
}
"""


def test_any_page_can_import_it_and_is_one_visit(host_page, site):
    sent, before = sent_by(host_page, "register"), site.stats().total
    begin_live(host_page, site, page="/history")
    (body,), number = sent, host_page.evaluate("window.koyjabo.visit")
    fields = {"visitorId", "timestamp", "waitedMs", "userAgent", "webdriver", "referrer", "visitId", "page"}
    assert (body.keys(), body["waitedMs"] < 60_000) == (fields, True)
    assert (body["referrer"], body["page"], body["webdriver"]) == ("direct", "/history", True)
    assert body["userAgent"] == host_page.evaluate("navigator.userAgent")
    assert (number.keys(), number["ordinal"]) == ({"ordinal", "today", "share"}, before + 1)
    total = site.register("somebody").stats.total
    wait_for_state(host_page, total, "live")
    wait_for(host_page, lambda: host_page.evaluate("window.events.at(-1)") == site.stats().raw, "it has all the stats")
    assert host_page.evaluate("window.seen.at(-1)") == [total, "live"]
    host_page.reload()
    begin_live(host_page, site)
    assert (host_page.evaluate("window.koyjabo.visit"), site.stats().total, len(sent)) == (number, total, 1)


@counted
def test_keys_of_an_older_client_go_on(host_page, site):
    keys = {"visitorIdKey": "their_visitor", "sessionKey": "their_session"}
    before = site.stats().total
    host_page.evaluate("localStorage.setItem('their_visitor', 'visitor_of_before')")
    begin(host_page, site, **keys)
    wait_for_state(host_page, before + 1, "live")
    assert host_page.evaluate("window.koyjabo.visitorId") == "visitor_of_before"
    assert host_page.evaluate("localStorage.getItem('visitorId')") is None
    assert host_page.evaluate("sessionStorage.getItem('their_session')"), "the older client counts it as well otherwise"
    host_page.evaluate("sessionStorage.clear()")
    host_page.evaluate("sessionStorage.setItem('their_session', 'true')")
    host_page.reload()
    begin(host_page, site, **keys)
    wait_for_state(host_page, before + 1, "live")
    host_page.evaluate("window.koyjabo.track('search')")
    events = "SELECT name FROM events WHERE visitor_id = 'visitor_of_before'"
    wait_for(host_page, lambda: site.database.rows(events) == [("search",)], "it is counted")
    assert site.stats().total == before + 1


@counted
def test_page_that_was_only_prepared_counts_when_it_is_opened(host_page, device, site):
    host_page.evaluate("Object.defineProperty(document, 'prerendering', { value: true })")
    before = site.stats().total
    host_page.clock.install()
    begin(host_page, site)
    host_page.clock.run_for(60_000)
    assert (device.console, host_page.evaluate("window.sockets")) == ([], 0)
    host_page.evaluate("document.dispatchEvent(new Event('prerenderingchange'))")
    wait_for_state(host_page, before + 1, "live")


def test_what_is_kept_is_shown_offline_for_10_s(fake_server, host_page, site):
    begin_on(fake_server, host_page, site)
    fake_server.push(total=4001)
    wait_for_state(host_page, 4001, "live")
    kept = host_page.evaluate(KEPT)
    assert {**stats_of(4001), "lastUpdated": kept["lastUpdated"]} == kept
    assert abs(host_page.evaluate("Date.now()") - kept["lastUpdated"]) < 60_000
    for age_ms, shown in ((3_000, 4001), (11_000, None)):
        host_page.evaluate(AGE, age_ms)
        host_page.reload()
        begin(host_page, site)
        assert state(host_page)[0] == shown


@kept
def test_reading_what_is_older_than_30_s_asks_again(fake_server, host_page, site):
    host_page.clock.install()
    begin_on(fake_server, host_page, site)
    fake_server.push(total=4001)
    wait_for_state(host_page, 4001, "live")
    asked = sent_by(host_page, "/")
    host_page.clock.fast_forward(20_000)
    host_page.evaluate("window.koyjabo.stats")
    assert asked == []
    host_page.clock.fast_forward(11_000)
    with host_page.expect_request("**/api/stats"):
        host_page.evaluate("window.koyjabo.stats")


@kept
def test_a_view_may_ask_for_polling(host_page, site):
    host_page.clock.install()
    begin_live(host_page, site, poll=True)
    for _ in range(2):
        with host_page.expect_response("**/api/stats"):
            host_page.clock.run_for(2_000)
    host_page.evaluate("window.koyjabo.poll = false")
    asked = sent_by(host_page, "/api/stats")
    host_page.clock.run_for(10_000)
    assert asked == []


@counted
def test_page_without_storage_is_one_visit_for_as_long_as_it_is_open(host_page, site):
    """The page sends the visit again when the network is back."""
    host_page.add_init_script(BLOCK_STORAGE)
    host_page.reload()
    host_page.route("**/api/visitor/register", lambda route: route.abort(), times=1)
    before = site.stats().total
    for _ in range(2):
        begin(host_page, site)
        wait_for(host_page, lambda: host_page.evaluate("window.koyjabo.visit"), "it has its number")
        wait_for_state(host_page, before + 1, "live")
        assert (site.stats().total, host_page.evaluate("window.koyjabo.waiting")) == (before + 1, 0)


@counted
def test_crawler_that_is_not_counted_asks_once(host_page, site):
    host_page.clock.install()
    answer = {"json": {"success": True, "visit": None, "stats": stats_of(4001)}, "headers": CORS}
    host_page.route("**/api/visitor/register", lambda route: route.fulfill(**answer))
    sent = sent_by(host_page, "register")
    begin_live(host_page, site)
    host_page.clock.run_for(10_000)
    assert (len(sent), host_page.evaluate("window.koyjabo.isCounted")) == (1, False)
    assert host_page.evaluate("window.koyjabo.waiting") == 0
