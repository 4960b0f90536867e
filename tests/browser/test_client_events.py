"""track() and page views in counting/koyjabo.js on other sites: each counts once, even offline or when a page is
left.
"""

import json

import pytest
from support.browser.host_pages import begin_live
from support.browser.pages import sent_by, wait_for

long = pytest.mark.long(proved_by="browser/test_client_events.py::test_events_are_counted_with_their_properties")

PERSISTED = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"


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


@long
def test_last_events_are_sent_when_the_page_is_left(host_page, site):
    tab = Tab(host_page, site, pageViews=True)
    tab.track("opened")
    tab.wait_for_names("opened")
    host_page.evaluate("""() => { window.koyjabo.track("left"); location.href = "/elsewhere"; }""")
    tab.wait_for_names("opened", "left")
