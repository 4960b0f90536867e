"""counting/koyjabo.js and its queue on other sites: what they count, store and send, by sockets or by streams."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from host_pages import begin, begin_live, state, wait_for_state
from pages import expect, freeze, sent_by, wait_for
from support.people.visitor_ids import MISTAKEN_IDS, USED_IDS
from test_count_element import number, tag

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

PROTOTYPE = """
() => {
  const list = (array) => `[${array.map((one) => JSON.stringify(one)).join(", ")}]`;
  Array.prototype.toJSON = function () { return list(this); };
}
"""
"""Prototype.js before version 1.7 changes the JSON of arrays."""

USED = """
async ([url, ids]) => {
  const { KoyJabo } = await import(url);
  return ids.filter((id) => {
    localStorage.visitorId = id;
    return new KoyJabo({ counts: false }).visitorId === id;
  });
}
"""

COUNTED = """
async ([url, key, values]) => {
  const { KoyJabo } = await import(url), numbers = [];
  for (const value of values) {
    localStorage.visitorId = `visitor-${Math.random()}`;
    sessionStorage[`koyjabo.visit ${key}`] = value.replace("WHO", localStorage.visitorId);
    sessionStorage[`koyjabo.stats ${key}`] = `{"lastUpdated": ${Date.now()}}`;
    const koyjabo = new KoyJabo();
    await koyjabo.start();
    koyjabo.stop();
    numbers.push(koyjabo.visit?.ordinal, koyjabo.stats?.totalVisits);
  }
  return numbers;
}
"""
FOREIGN_VISITS = ["text", "5", '"text"', "null", '{"visitorId": "WHO", "visitId": 5}']
FOREIGN_VISITS += ['{"visitorId": "WHO", "visitId": "1", "receipt": 5}']


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


def test_a_stored_id_is_used_unless_the_server_would_refuse_it_as_a_mistake(host_page, site):
    module = f"http://localhost:{site.port}/static/js/koyjabo.js"
    assert host_page.evaluate(USED, [module, [*MISTAKEN_IDS, *USED_IDS]]) == USED_IDS


def test_a_session_that_another_script_has_overwritten_is_counted_and_shown(host_page, site):
    module, before = f"http://localhost:{site.port}/static/js/koyjabo.js", site.stats().total
    numbers = host_page.evaluate(COUNTED, [module, f"localhost:{site.port}", FOREIGN_VISITS])
    last = before + len(FOREIGN_VISITS)
    assert numbers == [total for total in range(before + 1, last + 1) for _ in range(2)]
    host_page.evaluate("(key) => sessionStorage.setItem(key, 5)", f"koyjabo.visit localhost:{site.port}")
    host_page.set_content(f"<koyjabo-count></koyjabo-count>{tag(site)}")
    expect(number(host_page)).to_have_text(f"{last + 1:,}")


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


def stored(site, who: str) -> list[tuple]:
    """Name, path and properties of a visitor's events."""
    rows = site.database.rows(f"SELECT name, page, props FROM events WHERE visitor_id = '{who}' ORDER BY id")
    return [(name, path, json.loads(props or "{}")) for name, path, props in rows]


def test_events_and_page_numbers_are_right_where_prototype_js_changes_the_json_of_arrays(host_page, site):
    site.register("somebody", page="/views/prototype")
    host_page.evaluate(PROTOTYPE)
    begin_live(host_page, site)
    host_page.evaluate("void koyjabo.pages(['/views/prototype'], ([one]) => { window.views = one.views; })")
    host_page.wait_for_function("window.views === 1")
    with host_page.expect_response("**/api/events") as response:
        host_page.evaluate("koyjabo.track('pageview', {}, '/views/prototype')")
    assert response.value.json() == {"accepted": 1, "duplicates": 0}
    host_page.wait_for_function("window.views === 2")


def test_events_are_counted_with_their_properties_and_sent_50_at_a_time(host_page, site):
    sent = sent_by(host_page, "/api/events")
    begin_live(host_page, site)
    who = host_page.evaluate("window.koyjabo.visitorId")
    host_page.evaluate("""() => {
      for (let number = 0; number < 70; number++) window.koyjabo.track("search", { to: "Mirpur 10", number });
      window.koyjabo.track("signup", { none: null, long: "x".repeat(500) });
    }""")
    wait_for(host_page, lambda: len(stored(site, who)) == 71, "they are counted")
    searches = [("search", "/", {"to": "Mirpur 10", "number": str(number)}) for number in range(70)]
    assert stored(site, who) == [*searches, ("signup", "/", {"long": "x" * 120})]
    wait_for(host_page, lambda: [len(body["events"]) for body in sent] == [50, 21], "50 at a time")


DELIVER = "async (url) => { const queue = await import(url); queue.later(0, localStorage); await queue.deliver(); }"
NOTES = "Object.entries(localStorage).filter(([key]) => key.startsWith('koyjabo.waiting')).map(([, note]) => note)"
WITHOUT_TIMERS = "() => { for (let id = setTimeout(() => {}); id; id--) clearTimeout(id); }"
"""Ends all pauses, so that only new causes lead to anything."""
IN_DATABASE = """
() => new Promise((resolve) => {
  const opening = indexedDB.open("koyjabo.waiting");
  opening.onsuccess = () => {
    const asked = opening.result.transaction("koyjabo.waiting").objectStore("koyjabo.waiting").count();
    asked.onsuccess = () => { opening.result.close(); resolve(asked.result); };
  };
})
"""


def test_visits_and_events_wait_in_the_browser_until_the_network_is_back(host_page, site):
    host_page.route("**/api/**", lambda route: route.abort())
    before, events = site.stats().total, "SELECT count(*) FROM events WHERE name = 'stored'"
    begin(host_page, site)
    host_page.evaluate("window.koyjabo.track('stored')")
    wait_for(host_page, lambda: host_page.evaluate(NOTES) == ["0", "0"], "both are in the database")
    assert (host_page.evaluate(IN_DATABASE), site.stats().total) == (2, before)
    host_page.unroute("**/api/**")
    host_page.evaluate("dispatchEvent(new Event('online'))")
    wait_for(host_page, lambda: host_page.evaluate(NOTES) == [], "both are sent")
    assert (host_page.evaluate(IN_DATABASE), site.stats().total) == (0, before + 1)
    assert site.database.rows(events) == [(1,)]


def test_the_queue_forgets_a_visit_when_its_page_gets_the_response(host_page, site):
    """Otherwise it would be sent again on another day, when an anonymous visit is no longer recognised."""
    asked: list[Any] = []

    def answer(route) -> None:
        asked.append(route)
        if is_counted:
            route.continue_()
        elif len(asked) > 1:  # the queue's requests
            route.abort()

    is_counted = False
    host_page.route("**/api/visitor/register", answer)
    begin(host_page, site)
    wait_for(host_page, lambda: asked, "the page sends it")
    host_page.evaluate(DELIVER, f"http://localhost:{site.port}/static/js/koyjabo-queue.3.js")
    assert host_page.evaluate(IN_DATABASE) == 1
    host_page.evaluate(WITHOUT_TIMERS)  # the queue tries again after 30 s in any case
    is_counted = True
    asked[0].continue_()
    wait_for(host_page, lambda: host_page.evaluate(IN_DATABASE) == 0, "the queue is empty")
    assert host_page.evaluate("window.koyjabo.visit")


NO_SOCKETS = "connect-src http:"
COUNT_STREAMS = """
const Source = window.EventSource;
window.streams = [];
window.EventSource = class extends Source { constructor(url) { super(url); window.streams.push(this); } };
"""
OPEN_STREAMS = "window.streams.filter(({ readyState }) => readyState !== 2).length"


@pytest.fixture
def forbidding(new_device, other_site):
    """A page on another site whose policy allows requests but no sockets."""
    device = new_device()
    page = device.context.new_page()
    page.add_init_script(COUNT_STREAMS)
    page.goto(f"{other_site}?policy={quote(NO_SOCKETS)}")
    yield page
    assert {line.split()[0] for line in device.violations} == {"connect-src"}
    assert len(device.violations) <= 2, "the second attempt is the last"
    device.violations.clear()


def begin_streaming(page, site) -> int:
    """Start the client, and return the total when the page is live."""
    begin(page, site)
    wait_for(page, lambda: state(page)[1] == "live" and page.evaluate(OPEN_STREAMS) == 1, "it is live by a stream")
    return state(page)[0]


def test_a_page_whose_policy_forbids_sockets_is_live_by_a_stream(forbidding, site):
    """The page's clock is frozen, so the update must be immediate."""
    forbidding.clock.install()
    freeze(forbidding)
    before = site.stats().total
    assert begin_streaming(forbidding, site) == before + 1
    wait_for_state(forbidding, site.register("somebody").stats.total, "live")
    wait_for(forbidding, lambda: forbidding.evaluate("window.events.at(-1)") == site.stats().raw, "all the stats")
