"""track() and page views in counting/koyjabo.js on other sites: each counts once, even offline or when a page is
left.
"""

from __future__ import annotations

import json

import pytest
from support.browser.host_pages import begin_live
from support.browser.pages import sent_by, wait_for

long = pytest.mark.long(proved_by="browser/test_client_events.py::test_events_are_counted_with_their_properties")
once = pytest.mark.long(proved_by="browser/test_client_events.py::test_events_are_sent_again_under_the_same_ids")

PERSISTED = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
TRACK = "async () => { await window.koyjabo.track('search'); }"
"""Resolves when the events module has loaded."""


def stored(site, who: str) -> list[tuple]:
    """Name, path and properties of a visitor's events."""
    rows = site.database.rows(f"SELECT name, page, props FROM events WHERE visitor_id = '{who}' ORDER BY id")
    return [(name, path, json.loads(props or "{}")) for name, path, props in rows]


class Tab:
    """A page on another site that runs the client."""

    def __init__(self, page, site, **options) -> None:
        begin_live(page, site, **options)
        self.page, self.site, self.who = page, site, page.evaluate("window.koyjabo.visitorId")

    def track(self, *names: str) -> None:
        self.page.evaluate("(names) => { for (const name of names) window.koyjabo.track(name); }", names)

    def go(self, *steps: str) -> None:
        """Navigate by `steps`: history methods and paths such as "pushState /a"."""
        for method, path in map(str.split, steps):
            self.page.evaluate("([method, path]) => history[method]({}, '', path)", [method, path])

    def names(self) -> list[str]:
        return [name for name, _, _ in stored(self.site, self.who)]

    def wait_for_names(self, *names: str) -> None:
        wait_for(self.page, lambda: self.names() == [*names], f"{names} are counted")

    def wait_for_views(self, *paths: str) -> None:
        views = lambda: [path for name, path, _ in stored(self.site, self.who) if name == "pageview"]  # noqa: E731
        wait_for(self.page, lambda: views() == [*paths], f"{paths} are counted")


def test_events_are_counted_with_their_properties(host_page, site):
    sent, tab = sent_by(host_page, "/api/events"), Tab(host_page, site)
    host_page.evaluate("""() => {
      for (let number = 0; number < 70; number++) window.koyjabo.track("search", { to: "Mirpur 10", number });
      window.koyjabo.track("signup", { none: null, long: "x".repeat(500) });
    }""")
    wait_for(host_page, lambda: len(tab.names()) == 71, "they are counted")
    searches = [("search", "/", {"to": "Mirpur 10", "number": str(number)}) for number in range(70)]
    assert stored(site, tab.who) == [*searches, ("signup", "/", {"long": "x" * 120})]
    wait_for(host_page, lambda: [len(body["events"]) for body in sent] == [50, 21], "50 at a time")


def test_events_are_sent_again_under_the_same_ids(host_page, site):
    ids: list[str] = []

    def lose_the_answer(route) -> None:
        ids.extend(event["id"] for event in route.request.post_data_json["events"])
        if len(ids) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    host_page.route("**/api/events", lose_the_answer)
    tab = Tab(host_page, site)
    tab.track("search")
    wait_for(host_page, lambda: len(ids) == 1, "it is sent")
    host_page.evaluate("dispatchEvent(new Event('online'))")
    wait_for(host_page, lambda: len(ids) >= 2, "it is sent again")
    wait_for(host_page, lambda: host_page.evaluate("window.koyjabo.waiting") == 0, "it is answered")
    assert (len(set(ids)), tab.names()) == (1, ["search"])


@once
def test_event_waits_for_its_module_where_there_is_no_network(host_page, site):
    host_page.route("**/koyjabo-queue.js", lambda route: route.abort(), times=1)
    tab = Tab(host_page, site)
    tab.track("search")
    tab.wait_for_names("search")


@long
def test_page_views_follow_the_history_until_the_client_is_stopped(host_page, site, other_site):
    """The visit's page counts as its first view."""
    tab = Tab(host_page, site, pageViews=True)
    tab.go("pushState /a", "pushState /a?q=1", "replaceState /b", "pushState /c")
    tab.wait_for_views("/a", "/b", "/c")
    host_page.evaluate("history.back()")
    tab.wait_for_views("/a", "/b", "/c", "/b")
    host_page.evaluate(PERSISTED)
    tab.wait_for_views("/a", "/b", "/c", "/b", "/b")
    host_page.goto(f"{other_site}next")
    begin_live(host_page, site, pageViews=True)
    tab.wait_for_views("/a", "/b", "/c", "/b", "/b", "/next")
    host_page.evaluate("window.koyjabo.stop()")
    tab.go("pushState /d")
    Tab(host_page, site).track("later")
    tab.wait_for_names(*["pageview"] * 6, "later")


def test_page_views_end_with_the_choice_not_to_be_counted(host_page, site):
    """This holds even in a session whose visit is counted."""
    url, loaded = f"http://localhost:{site.port}/static/js/koyjabo.js", "window.koyjabo.track('search')"
    tab = Tab(host_page, site, pageViews=True)
    host_page.evaluate(loaded)
    tab.wait_for_names("search")
    # Events without a response are sent again when the page is left.
    wait_for(host_page, lambda: host_page.evaluate("window.koyjabo.waiting") == 0, "it is answered")
    sent = sent_by(host_page, "/api/events")
    host_page.evaluate("async (url) => (await import(url)).KoyJabo.doNotCount()", url)
    tab.go("pushState /a")
    host_page.reload()
    begin_live(host_page, site, pageViews=True)
    host_page.evaluate(loaded)
    tab.go("pushState /b")
    assert host_page.evaluate("window.koyjabo.waiting") == 0
    host_page.evaluate("window.koyjabo.stop()")
    assert sent == []


@once
def test_what_happened_last_is_sent_when_the_page_is_left(host_page, site):
    tab = Tab(host_page, site, pageViews=True)
    tab.track("opened")
    tab.wait_for_names("opened")
    host_page.evaluate("""() => { window.koyjabo.track("left"); location.href = "/elsewhere"; }""")
    tab.wait_for_names("opened", "left")


WRONG = """() => {
  const many = Object.fromEntries(Array.from({ length: 11 }, (_, number) => [`p${number}`, 1]));
  for (const said of [[], [""], ["Not a name"], ["Signup"], [7], ["search", { to: {} }], ["search", { "to go": 1 }],
    ["search", many], ["search", "Mirpur"], ["search", { to: NaN }], ["search", {}, 7]]) window.koyjabo.track(...said);
}"""


@once
def test_wrong_events_are_named_and_take_no_other_with_them(host_page, device, site):
    """The client does not send events that it knows to be invalid."""

    def refuse_the_first(route) -> None:
        sent.append(route.request.post_data_json)
        route.continue_(post_data=route.request.post_data.replace('"first"', '"Not a name"'))

    sent, tab = [], Tab(host_page, site)
    host_page.route("**/api/events", refuse_the_first)
    host_page.evaluate(WRONG)
    tab.track("first", "search")
    tab.wait_for_names("search")
    names = [[event["name"] for event in body["events"]] for body in sent]
    assert names == [["first", "search"], ["first"], ["search"]]
    warnings = [line for line in device.console if line.startswith("Not counted: ")]
    assert ["wrong name or properties" in line for line in warnings] == [True] * 11 + [False]


@long
def test_events_of_a_prepared_page_wait_until_it_is_shown(host_page, site):
    host_page.clock.install()
    sent, tab = sent_by(host_page, "/api/events"), Tab(host_page, site)
    host_page.evaluate("Object.defineProperty(document, 'prerendering', { value: true, configurable: true })")
    host_page.evaluate("() => void window.koyjabo.track('search')")
    host_page.clock.run_for(3_000)
    host_page.evaluate("dispatchEvent(new Event('pagehide'))")
    assert (sent, host_page.evaluate("window.koyjabo.waiting")) == ([], 0)  # otherwise another page would send it
    host_page.evaluate("Object.defineProperty(document, 'prerendering', { value: false })")
    host_page.evaluate("document.dispatchEvent(new Event('prerenderingchange'))")
    host_page.clock.run_for(3_000)
    tab.wait_for_names("search")


@long
@pytest.mark.parametrize("options", [{}, {"counts": False}, {"remember": False}], ids=str)
def test_events_are_sent_only_if_counting_is_on_and_may_be_anonymous(host_page, site, options):
    sent = sent_by(host_page, "/api/events")
    begin_live(host_page, site, **options)
    if not options:
        host_page.evaluate("window.koyjabo.constructor.doNotCount()")
    host_page.evaluate(TRACK)
    host_page.evaluate("localStorage.removeItem('koyjabo.doNotCount')")
    host_page.evaluate("window.koyjabo.stop()")  # this also sends waiting events
    tab = Tab(host_page, site)
    tab.track("later")
    tab.wait_for_names("later")
    received = {(body.get("anonymous"), event["name"]) for body in sent for event in body["events"]}
    assert received - {(None, "later")} == ({(True, "search")} if "remember" in options else set())
