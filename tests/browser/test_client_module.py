"""counting/koyjabo.js on other sites: what it counts and stores, and that any page can use it."""

from host_pages import begin_live, wait_for_state
from pages import sent_by, wait_for

HEADERS = {
    "sentry-trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "baggage": "sentry-environment=production,sentry-trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "x-datadog-trace-id": "1234567890",
    "newrelic": "eyJ2IjpbMCwxXX0=",
    "x-b3-traceid": "4bf92f3577b34da6",
}
"""Headers that monitoring scripts of pages add to every request."""

MONITOR = """
(headers) => {
  const send = window.fetch;
  window.fetch = (input, options = {}) => send(input, { ...options, headers: { ...options.headers, ...headers } });
}
"""


def test_a_page_of_another_site_that_imports_the_module_is_one_visit(host_page, site):
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


def test_a_visit_and_an_event_count_with_the_headers_of_a_monitoring_script(host_page, site):
    seen = []
    host_page.on("request", lambda request: seen.append(request.headers) if "baggage" in request.headers else None)
    host_page.evaluate(MONITOR, HEADERS)
    before, events = site.stats().total, "SELECT count(*) FROM events WHERE name = 'monitored'"
    begin_live(host_page, site)
    host_page.evaluate("window.koyjabo.track('monitored')")
    wait_for(host_page, lambda: site.database.rows(events) == [(1,)], "it is stored")
    assert site.stats().total == before + 1
    assert HEADERS.items() <= seen[0].items()
