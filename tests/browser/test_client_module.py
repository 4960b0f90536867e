"""counting/koyjabo.js on the pages of others: what it counts, what it keeps, and that any page can use it."""

from __future__ import annotations

import pytest
from support.browser.host_pages import begin, begin_live, begin_on, state, told, wait_for_state
from support.browser.pages import sent_by, wait_for

counted = pytest.mark.long(proved_by="browser/test_client_module.py::test_any_page_can_import_it_and_is_one_visit")
kept = pytest.mark.long(proved_by="browser/test_client_module.py::test_what_is_kept_is_shown_offline_for_10_s")

KEPT = "JSON.parse(Object.entries(localStorage).find(([key]) => key.startsWith('koyjabo.stats'))?.[1] ?? 'null')"
AGE = """
(ageMs) => {
  const [key, kept] = Object.entries(localStorage).find(([key]) => key.startsWith("koyjabo.stats"));
  localStorage.setItem(key, JSON.stringify({ ...JSON.parse(kept), lastUpdated: Date.now() - ageMs }));
}
"""
CORS = {"Access-Control-Allow-Origin": "*"}
BLOCK_STORAGE = """
for (const area of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, area, { get() { throw new DOMException("blocked", "SecurityError"); } });
}
"""


def test_any_page_can_import_it_and_is_one_visit(elsewhere, site):
    sent, before = sent_by(elsewhere, "register"), site.stats().total
    begin_live(elsewhere, site, page="/history")
    (body,), number = sent, elsewhere.evaluate("window.koyjabo.visit")
    assert body.keys() == {"visitorId", "timestamp", "userAgent", "referrer", "visitId", "page"}
    assert (body["referrer"], body["page"]) == ("direct", "/history")
    assert body["userAgent"] == elsewhere.evaluate("navigator.userAgent")
    assert (number.keys(), number["ordinal"]) == ({"ordinal", "today", "share"}, before + 1)
    total = site.register("somebody").stats.total
    wait_for_state(elsewhere, total, "live")
    assert elsewhere.evaluate("window.events.at(-1)") == site.stats().raw
    assert elsewhere.evaluate("window.seen.at(-1)") == [total, "live"]
    elsewhere.reload()
    begin_live(elsewhere, site)
    assert (elsewhere.evaluate("window.koyjabo.visit"), site.stats().total, len(sent)) == (number, total, 1)


@counted
def test_keys_of_an_older_client_go_on(elsewhere, site):
    keys = {"visitorIdKey": "their_visitor", "sessionKey": "their_session"}
    before = site.stats().total
    elsewhere.evaluate("localStorage.setItem('their_visitor', 'visitor_of_before')")
    begin(elsewhere, site, **keys)
    wait_for_state(elsewhere, before + 1, "live")
    assert elsewhere.evaluate("window.koyjabo.visitorId") == "visitor_of_before"
    assert elsewhere.evaluate("localStorage.getItem('visitorId')") is None
    assert elsewhere.evaluate("sessionStorage.getItem('their_session')"), "the older client counts it as well otherwise"
    elsewhere.evaluate("sessionStorage.clear()")
    elsewhere.evaluate("sessionStorage.setItem('their_session', 'true')")
    elsewhere.reload()
    begin(elsewhere, site, **keys)
    wait_for_state(elsewhere, before + 1, "live")
    elsewhere.evaluate("window.koyjabo.track('search')")
    events = "SELECT name FROM events WHERE visitor_id = 'visitor_of_before'"
    wait_for(elsewhere, lambda: site.database.rows(events) == [("search",)], "it is counted")
    assert site.stats().total == before + 1


@counted
def test_page_that_was_only_prepared_counts_when_it_is_opened(elsewhere, device, site):
    elsewhere.evaluate("Object.defineProperty(document, 'prerendering', { value: true })")
    before = site.stats().total
    elsewhere.clock.install()
    begin(elsewhere, site)
    elsewhere.clock.run_for(60_000)
    assert (device.console, elsewhere.evaluate("window.sockets")) == ([], 0)
    elsewhere.evaluate("document.dispatchEvent(new Event('prerenderingchange'))")
    wait_for_state(elsewhere, before + 1, "live")


def test_what_is_kept_is_shown_offline_for_10_s(line, elsewhere, site):
    begin_on(line, elsewhere, site)
    line.push(total=4001)
    wait_for_state(elsewhere, 4001, "live")
    kept = elsewhere.evaluate(KEPT)
    assert {**told(4001), "lastUpdated": kept["lastUpdated"]} == kept
    assert abs(elsewhere.evaluate("Date.now()") - kept["lastUpdated"]) < 60_000
    for age_ms, shown in ((3_000, 4001), (11_000, None)):
        elsewhere.evaluate(AGE, age_ms)
        elsewhere.reload()
        begin(elsewhere, site)
        assert state(elsewhere)[0] == shown
        assert (elsewhere.evaluate(KEPT) is None) == (shown is None)


@kept
def test_reading_what_is_older_than_30_s_asks_again(line, elsewhere, site):
    elsewhere.clock.install()
    begin_on(line, elsewhere, site)
    line.push(total=4001)
    wait_for_state(elsewhere, 4001, "live")
    asked = sent_by(elsewhere, "/")
    elsewhere.clock.fast_forward(20_000)
    elsewhere.evaluate("window.koyjabo.stats")
    assert asked == []
    elsewhere.clock.fast_forward(11_000)
    with elsewhere.expect_request("**/api/stats"):
        elsewhere.evaluate("window.koyjabo.stats")


@kept
def test_a_view_may_ask_for_polling(elsewhere, site):
    elsewhere.clock.install()
    begin_live(elsewhere, site, poll=True)
    for _ in range(2):
        with elsewhere.expect_response("**/api/stats"):
            elsewhere.clock.run_for(2_000)
    elsewhere.evaluate("window.koyjabo.poll = false")
    asked = sent_by(elsewhere, "/api/stats")
    elsewhere.clock.run_for(10_000)
    assert asked == []


@counted
def test_page_without_storage_is_one_visit_for_as_long_as_it_is_open(elsewhere, site):
    elsewhere.add_init_script(BLOCK_STORAGE)
    elsewhere.reload()
    before = site.stats().total
    for _ in range(2):
        begin(elsewhere, site)
        wait_for_state(elsewhere, before + 1, "live")
    assert site.stats().total == before + 1


@counted
def test_page_without_storage_sends_its_visit_again(elsewhere, site):
    elsewhere.add_init_script(BLOCK_STORAGE)
    elsewhere.reload()
    elsewhere.route("**/api/visitor/register", lambda route: route.abort(), times=1)
    before = site.stats().total
    begin(elsewhere, site)
    wait_for(elsewhere, lambda: elsewhere.evaluate("window.koyjabo.visit"), "it has its number")
    assert (site.stats().total, elsewhere.evaluate("window.koyjabo.waiting")) == (before + 1, 0)


@counted
def test_crawler_that_is_not_counted_asks_once(elsewhere, site):
    elsewhere.clock.install()
    answer = {"json": {"success": True, "visit": None, "stats": told(4001)}, "headers": CORS}
    elsewhere.route("**/api/visitor/register", lambda route: route.fulfill(**answer))
    sent = sent_by(elsewhere, "register")
    begin_live(elsewhere, site)
    elsewhere.clock.run_for(10_000)
    assert (len(sent), elsewhere.evaluate("window.koyjabo.isCounted")) == (1, False)
    assert elsewhere.evaluate("window.koyjabo.waiting") == 0
