"""js/koyjabo.js on the pages of others: what it counts, what it keeps, and that any page can use it."""

from __future__ import annotations

import pytest
from support.elsewhere import begin, begin_on, state, told, wait_for_state
from support.members import Member
from support.pages import wait_for

KEPT = "JSON.parse(Object.entries(localStorage).find(([key]) => key.startsWith('koyjabo.stats'))?.[1] ?? 'null')"
AGE = """
(ageMs) => {
  const [key, kept] = Object.entries(localStorage).find(([key]) => key.startsWith("koyjabo.stats"));
  localStorage.setItem(key, JSON.stringify({ ...JSON.parse(kept), lastUpdated: Date.now() - ageMs }));
}
"""
BLOCK_STORAGE = """
for (const area of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, area, { get() { throw new DOMException("blocked", "SecurityError"); } });
}
"""
FILL_STORAGE = """
() => {
  const { setItem } = Storage.prototype;
  Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };
  window.makeRoom = () => { Storage.prototype.setItem = setItem; };
}
"""
FILL_LOCAL_STORAGE = """
const { setItem } = Storage.prototype;
Storage.prototype.setItem = function (key, value) {
  if (this === localStorage) throw new DOMException("full", "QuotaExceededError");
  setItem.call(this, key, value);
};
window.makeRoom = () => { Storage.prototype.setItem = setItem; };
"""


def test_any_page_can_import_it(elsewhere, site):
    begin(elsewhere, site)
    wait_for(elsewhere, lambda: state(elsewhere)[1] == "live", "it is live")
    total = site.register("somebody").stats.total
    wait_for_state(elsewhere, total, "live")
    event = elsewhere.evaluate("window.events.at(-1)")
    assert event == site.stats().raw
    assert elsewhere.evaluate("window.seen.at(-1)") == [total, "live"]


def test_registration_says_what_the_reference_says(elsewhere, site):
    sent = []
    elsewhere.on("request", lambda request: "register" in request.url and sent.append(request))
    begin(elsewhere, site, page="/history")
    wait_for(elsewhere, lambda: state(elsewhere)[1] == "live", "it is live")
    body = sent[0].post_data_json
    assert body.keys() == {"visitorId", "timestamp", "userAgent", "referrer", "visitId", "page"}
    assert (body["referrer"], body["page"]) == ("direct", "/history")
    assert body["userAgent"] == elsewhere.evaluate("navigator.userAgent")
    assert len(sent) == 1


def test_visitor_has_a_number_of_its_own_for_the_session(elsewhere, site):
    begin(elsewhere, site)
    wait_for(elsewhere, lambda: state(elsewhere)[1] == "live", "it is live")
    number = elsewhere.evaluate("window.koyjabo.visit")
    assert number.keys() == {"ordinal", "today", "share"}
    assert number["ordinal"] == site.stats().total
    site.register("somebody")
    elsewhere.reload()
    begin(elsewhere, site)
    assert elsewhere.evaluate("window.koyjabo.visit") == number
    elsewhere.evaluate("sessionStorage.clear()")
    elsewhere.reload()
    begin(elsewhere, site, counts=False)
    assert elsewhere.evaluate("window.koyjabo.visit") is None


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
    wait_for(elsewhere, lambda: site.database.rows("SELECT name FROM events") == [("search",)], "it is counted")
    assert site.stats().total == before + 1


def test_page_that_only_looks_is_no_visit(elsewhere, device, site):
    before = site.stats().total
    begin(elsewhere, site, counts=False)
    wait_for_state(elsewhere, before, "live")
    assert device.console == ["Connected to KoyJabo Analytics Stream"]
    elsewhere.reload()
    begin(elsewhere, site)
    wait_for_state(elsewhere, before + 1, "live")


def test_page_that_was_only_prepared_counts_when_it_is_opened(elsewhere, device, site):
    elsewhere.evaluate("Object.defineProperty(document, 'prerendering', { value: true })")
    before = site.stats().total
    begin(elsewhere, site)
    elsewhere.wait_for_timeout(1000)
    assert device.console == []
    elsewhere.evaluate("document.dispatchEvent(new Event('prerenderingchange'))")
    wait_for_state(elsewhere, before + 1, "live")


def test_what_is_kept_is_as_documented(line, elsewhere, site):
    begin_on(line, elsewhere, site)
    line.push(total=4001)
    wait_for_state(elsewhere, 4001, "live")
    kept = elsewhere.evaluate(KEPT)
    assert {**told(4001), "lastUpdated": kept["lastUpdated"]} == kept
    assert abs(elsewhere.evaluate("Date.now()") - kept["lastUpdated"]) < 60_000


@pytest.mark.parametrize(("age_ms", "shown"), [(3_000, 4001), (11_000, None)])
def test_what_is_kept_is_shown_offline_unless_it_is_older_than_10_s(line, elsewhere, site, age_ms, shown):
    begin_on(line, elsewhere, site)
    line.push(total=4001)
    wait_for_state(elsewhere, 4001, "live")
    elsewhere.evaluate(AGE, age_ms)
    elsewhere.reload()
    begin(elsewhere, site)
    assert state(elsewhere)[0] == shown
    assert (elsewhere.evaluate(KEPT) is None) == (shown is None)


def test_reading_what_is_older_than_30_s_asks_again(line, elsewhere, site):
    elsewhere.clock.install()
    begin_on(line, elsewhere, site)
    line.push(total=4001)
    wait_for_state(elsewhere, 4001, "live")
    asked = []
    elsewhere.on("request", lambda request: asked.append(request.url))
    elsewhere.clock.fast_forward(20_000)
    elsewhere.evaluate("window.koyjabo.stats")
    assert asked == []
    elsewhere.clock.fast_forward(11_000)
    elsewhere.evaluate("window.koyjabo.stats")
    wait_for(elsewhere, lambda: asked == [f"http://localhost:{site.port}/api/stats"], "it asks")


def test_a_view_may_ask_for_polling(elsewhere, site):
    asked = []
    elsewhere.on("request", lambda request: request.url.endswith("/api/stats") and asked.append(request.url))
    begin(elsewhere, site, poll=True)
    wait_for(elsewhere, lambda: state(elsewhere)[1] == "live", "it is live")
    before = len(asked)
    wait_for(elsewhere, lambda: len(asked) >= before + 2, "it asks nevertheless")
    elsewhere.evaluate("window.koyjabo.poll = false")
    before = len(asked)
    elsewhere.wait_for_timeout(2500)
    assert len(asked) == before


def test_page_without_storage_is_one_visit_for_as_long_as_it_is_open(elsewhere, site):
    elsewhere.add_init_script(BLOCK_STORAGE)
    elsewhere.reload()
    before = site.stats().total
    for _ in range(2):
        begin(elsewhere, site)
        wait_for_state(elsewhere, before + 1, "live")
    assert site.stats().total == before + 1


def test_storage_that_was_full_for_a_moment_is_believed_again(elsewhere, site):
    sent = []
    elsewhere.on("request", lambda request: "register" in request.url and sent.append(request))
    elsewhere.evaluate(FILL_STORAGE)
    begin(elsewhere, site)
    elsewhere.evaluate("window.makeRoom()")
    wait_for(elsewhere, lambda: state(elsewhere)[1] == "live", "it is live")
    begin(elsewhere, site)
    wait_for(elsewhere, lambda: state(elsewhere)[1] == "live", "it is live again")
    assert len(sent) == 1


def test_session_whose_visitor_cannot_be_kept_for_good_is_one_visit(elsewhere, site):
    """The origin may have used up its room, and sessions have room of their own."""
    elsewhere.add_init_script(FILL_LOCAL_STORAGE)
    before = site.stats()
    visitors = set()
    for _ in range(3):
        elsewhere.reload()
        begin(elsewhere, site)
        wait_for_state(elsewhere, before.total + 1, "live")
        visitors.add(elsewhere.evaluate("window.koyjabo.visitorId"))
    after = site.stats()
    assert (len(visitors), after.total, after.unique) == (1, before.total + 1, before.unique + 1)
    elsewhere.evaluate("window.makeRoom()")
    begin(elsewhere, site)
    assert {elsewhere.evaluate("localStorage.getItem('visitorId')")} == visitors
    assert elsewhere.evaluate("sessionStorage.getItem('visitorId')") is None


def test_browser_that_cannot_limit_a_request_counts_as_well(elsewhere, site):
    elsewhere.add_init_script("delete AbortSignal.timeout")
    elsewhere.reload()
    before = site.stats().total
    begin(elsewhere, site)
    wait_for_state(elsewhere, before + 1, "live")


def test_visit_of_a_community_counts_there_and_once_for_the_site(elsewhere, site):
    founder = Member(site)
    community, before = founder.found(), site.stats().total
    begin(elsewhere, site, communityId=community)
    wait_for_state(elsewhere, before + 1, "live")
    assert founder.call("GET", f"/api/communities/{community}/stats")["totalVisits"] == 1
