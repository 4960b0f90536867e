"""counting/koyjabo.js on other sites: what it counts and stores, and that any page can use it."""

from support.browser.host_pages import begin_live, wait_for_state
from support.browser.pages import sent_by, wait_for


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
