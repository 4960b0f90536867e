"""track() and page views of js/koyjabo.js on the pages of others: each counts once, whatever the page does."""

from __future__ import annotations

import json

import pytest
from support.elsewhere import begin, state
from support.pages import wait_for

PERSISTED = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"


def visitor(page) -> str:
    return page.evaluate("window.koyjabo.visitorId")


def stored(site, page) -> list[tuple]:
    """Name, path and properties, without those of other visitors."""
    rows = site.database.rows(f"SELECT name, page, props FROM events WHERE visitor_id = '{visitor(page)}' ORDER BY id")
    return [(name, path, json.loads(props or "{}")) for name, path, props in rows]


def paths(site, page) -> list[str]:
    return [path for name, path, _ in stored(site, page) if name == "pageview"]


def open_page(tab, site, **options) -> None:
    begin(tab, site, **options)
    wait_for(tab, lambda: state(tab)[1] == "live", "it is live")


def go(page, method: str, path: str) -> None:
    page.evaluate("([method, path]) => history[method]({}, '', path)", [method, path])


def test_events_are_counted_with_their_properties(elsewhere, site):
    sent = []
    elsewhere.on("request", lambda request: request.url.endswith("/api/events") and sent.append(request))
    open_page(elsewhere, site)
    elsewhere.evaluate("""() => {
      for (let number = 0; number < 70; number++) window.koyjabo.track("search", { to: "Mirpur 10", number });
      window.koyjabo.track("signup", { none: null, long: "x".repeat(500) });
    }""")
    wait_for(elsewhere, lambda: len(stored(site, elsewhere)) == 71, "they are counted")
    found = stored(site, elsewhere)
    assert found[0] == ("search", "/", {"to": "Mirpur 10", "number": "0"})
    assert [props["number"] for _, _, props in found[:-1]] == [str(number) for number in range(70)]
    assert found[-1] == ("signup", "/", {"long": "x" * 120})
    assert [len(request.post_data_json["events"]) for request in sent] == [50, 21]


def test_event_waits_for_its_module_where_there_is_no_network(elsewhere, site):
    elsewhere.route("**/koyjabo-events.js", lambda route: route.abort(), times=1)
    open_page(elsewhere, site)
    elsewhere.evaluate("window.koyjabo.track('search')")
    wait_for(elsewhere, lambda: [name for name, _, _ in stored(site, elsewhere)] == ["search"], "it is counted")


def test_page_views_follow_the_history(elsewhere, site):
    open_page(elsewhere, site, pageViews=True)
    go(elsewhere, "pushState", "/a")
    go(elsewhere, "pushState", "/a?q=1")
    go(elsewhere, "replaceState", "/b")
    go(elsewhere, "pushState", "/c")
    wait_for(elsewhere, lambda: paths(site, elsewhere) == ["/a", "/b", "/c"], "they are counted")
    elsewhere.evaluate("history.back()")
    wait_for(elsewhere, lambda: paths(site, elsewhere)[3:] == ["/b"], "back is a view")
    elsewhere.evaluate(PERSISTED)
    wait_for(elsewhere, lambda: paths(site, elsewhere)[4:] == ["/b"], "a restored page is a view")
    elsewhere.evaluate("window.koyjabo.stop()")
    go(elsewhere, "pushState", "/d")
    elsewhere.wait_for_timeout(1500)
    assert len(paths(site, elsewhere)) == 5


def test_page_of_a_visit_is_its_first_view_and_the_next_page_the_second(elsewhere, site, other_site):
    open_page(elsewhere, site, pageViews=True)
    elsewhere.goto(f"{other_site}next")
    open_page(elsewhere, site, pageViews=True)
    wait_for(elsewhere, lambda: paths(site, elsewhere) == ["/next"], "the second page is a view")
    elsewhere.reload()
    open_page(elsewhere, site, pageViews=True, page="/named")
    wait_for(elsewhere, lambda: paths(site, elsewhere) == ["/next", "/named"], "and so is a reload")


def test_what_happened_last_is_sent_when_the_page_is_left(elsewhere, site, other_site):
    open_page(elsewhere, site, pageViews=True)
    who = visitor(elsewhere)
    elsewhere.evaluate("window.koyjabo.track('opened')")
    wait_for(elsewhere, lambda: stored(site, elsewhere), "the module is there")
    elsewhere.evaluate("""() => { window.koyjabo.track("left"); location.href = "/elsewhere"; }""")
    names = f"SELECT name FROM events WHERE visitor_id = '{who}' ORDER BY id"
    wait_for(elsewhere, lambda: site.database.rows(names) == [("opened",), ("left",)], "it arrives")


def test_events_are_sent_again_under_the_same_ids(elsewhere, site):
    ids: list[str] = []

    def lose_the_answer(route) -> None:
        ids.extend(event["id"] for event in route.request.post_data_json["events"])
        if len(ids) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    elsewhere.route("**/api/events", lose_the_answer)
    open_page(elsewhere, site)
    elsewhere.evaluate("window.koyjabo.track('search')")
    wait_for(elsewhere, lambda: len(ids) == 1, "it is sent")
    elsewhere.evaluate("dispatchEvent(new Event('online'))")
    wait_for(elsewhere, lambda: len(ids) >= 2, "it is sent again")
    elsewhere.wait_for_timeout(500)
    assert (len(set(ids)), len(stored(site, elsewhere))) == (1, 1)


WRONG = """() => {
  const many = Object.fromEntries(Array.from({ length: 11 }, (_, number) => [`p${number}`, 1]));
  for (const said of [[], [""], ["Not a name"], ["Signup"], [7], ["search", { to: {} }], ["search", { "to go": 1 }],
    ["search", many], ["search", "Mirpur"], ["search", { to: NaN }], ["search", {}, 7]]) window.koyjabo.track(...said);
  window.koyjabo.track("search", many.p0 && { to: null });
}"""


def test_wrong_arguments_are_named_and_never_sent(elsewhere, device, site):
    sent = []
    elsewhere.on("request", lambda request: request.url.endswith("/api/events") and sent.append(request))
    open_page(elsewhere, site)
    elsewhere.evaluate(WRONG)
    wait_for(elsewhere, lambda: stored(site, elsewhere) == [("search", "/", {})], "the good one is counted")
    wait_for(elsewhere, lambda: sent, "the browser tells that it was sent")
    assert [len(request.post_data_json["events"]) for request in sent] == [1]
    warnings = [line for line in device.console if "Event not counted" in line]
    assert len(warnings) == 11
    assert "its name must be of a-z, 0-9 and _" in warnings[0]
    device.console[:] = [line for line in device.console if line not in warnings]


def test_event_that_the_server_refuses_takes_no_other_with_it(elsewhere, device, site):
    def refuse_the_first(route) -> None:
        said = route.request.post_data_json
        said["events"][0]["name"] = "Not a name"
        route.continue_(post_data=json.dumps(said))

    open_page(elsewhere, site)
    elsewhere.route("**/api/events", refuse_the_first, times=1)
    elsewhere.evaluate("() => { window.koyjabo.track('first'); window.koyjabo.track('search'); }")
    wait_for(elsewhere, lambda: stored(site, elsewhere) == [("search", "/", {})], "the good one is counted")
    assert any("Events were refused" in line for line in device.console)
    device.console[:] = [line for line in device.console if "refused" not in line]


PRELOAD = """(href) => new Promise((onload, onerror) => {
  document.head.append(Object.assign(document.createElement("link"), { rel: "modulepreload", href, onload, onerror }));
})"""


def test_the_first_event_is_not_lost_when_a_page_that_has_the_module_is_left(elsewhere, site, other_site):
    open_page(elsewhere, site)
    who = visitor(elsewhere)
    elsewhere.evaluate(PRELOAD, f"http://localhost:{site.port}/static/js/koyjabo-events.js")
    elsewhere.evaluate("""() => { window.koyjabo.track("left"); location.href = "/elsewhere"; }""")
    names = f"SELECT name FROM events WHERE visitor_id = '{who}'"
    wait_for(elsewhere, lambda: site.database.rows(names) == [("left",)], "it arrives")


TIMERS = """() => {
  const wait = window.setTimeout;
  window.timers = 0;
  window.setTimeout = (...said) => {
    window.timers += said[1] === 1000;
    return wait(...said);
  };
}"""


def test_events_of_a_refused_visit_wait_for_nothing(elsewhere, device, site):
    elsewhere.evaluate(TIMERS)
    elsewhere.route("**/api/visitor/register", lambda route: route.fulfill(status=400, body="{}"))
    begin(elsewhere, site, pageViews=True)
    wait_for(elsewhere, lambda: any("Failed to register" in line for line in device.console), "it is refused")
    elsewhere.evaluate("() => { window.koyjabo.track('search'); window.timers = 0; }")
    elsewhere.wait_for_timeout(2500)
    assert elsewhere.evaluate("window.timers") <= 1
    assert stored(site, elsewhere) == []
    device.console.clear()


def test_a_stopped_client_sets_no_timer_and_history_is_wrapped_once(elsewhere, device, site):
    open_page(elsewhere, site, pageViews=True)
    go(elsewhere, "pushState", "/a")
    wrapped = "window.wrapped === history.pushState"
    elsewhere.evaluate("() => { window.wrapped = history.pushState; window.koyjabo.stop(); }")
    wait_for(elsewhere, lambda: paths(site, elsewhere) == ["/a"], "what waited is sent")
    open_page(elsewhere, site, pageViews=True)
    wait_for(elsewhere, lambda: paths(site, elsewhere) == ["/a", "/a"], "it begins again")
    assert elsewhere.evaluate(wrapped)
    go(elsewhere, "pushState", "/b")
    wait_for(elsewhere, lambda: paths(site, elsewhere) == ["/a", "/a", "/b"], "each view counts once")
    elsewhere.route("**/api/events", lambda route: route.abort())
    elsewhere.evaluate(TIMERS)
    elsewhere.evaluate("() => { window.koyjabo.track('search'); }")
    elsewhere.wait_for_timeout(100)
    elsewhere.evaluate("() => { window.koyjabo.stop(); window.timers = 0; }")
    elsewhere.wait_for_timeout(1500)
    assert elsewhere.evaluate("window.timers") == 0
    device.console.clear()


def test_events_of_a_prepared_page_wait_until_it_is_shown(elsewhere, site):
    open_page(elsewhere, site)
    sent = []
    elsewhere.on("request", lambda request: request.url.endswith("/api/events") and sent.append(request))
    elsewhere.evaluate("Object.defineProperty(document, 'prerendering', { value: true, configurable: true })")
    elsewhere.evaluate("window.koyjabo.track('search')")
    elsewhere.wait_for_timeout(1500)
    elsewhere.evaluate("dispatchEvent(new Event('pagehide'))")
    assert (sent, elsewhere.evaluate("window.koyjabo.waiting")) == ([], 0)  # another page would send it
    elsewhere.evaluate("Object.defineProperty(document, 'prerendering', { value: false })")
    wait_for(elsewhere, lambda: stored(site, elsewhere) == [("search", "/", {})], "it is counted")


def test_browser_that_is_not_counted_sends_no_events(elsewhere, site):
    sent = []
    elsewhere.on("request", lambda request: request.url.endswith("/api/events") and sent.append(request))
    open_page(elsewhere, site)
    elsewhere.evaluate(
        """async () => { window.koyjabo.constructor.doNotCount(); await window.koyjabo.track("search"); }"""
    )
    elsewhere.wait_for_timeout(1500)
    assert sent == []


@pytest.mark.parametrize("option", ["counts", "remember"])
def test_options_hold_for_events_too(elsewhere, site, option):
    before = site.database.rows("SELECT count(*) FROM events")
    open_page(elsewhere, site, **{option: False})
    elsewhere.evaluate("window.koyjabo.track('search')")
    if option == "counts":
        elsewhere.wait_for_timeout(1500)
        assert site.database.rows("SELECT count(*) FROM events") == before
    else:
        newest = "SELECT visitor_id, client_ms FROM events ORDER BY id DESC LIMIT 1"
        wait_for(elsewhere, lambda: site.database.rows("SELECT count(*) FROM events") != before, "it is counted")
        ((who, client_ms),) = site.database.rows(newest)
        assert (who.startswith("anonymous_"), client_ms) == (True, None)
