"""track() and page views in counting/koyjabo.js on other sites: each counts once, even offline or when a page is
left.
"""

import json

from host_pages import begin_live
from pages import sent_by, wait_for


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


def test_events_are_counted_with_their_properties_and_sent_50_at_a_time(host_page, site):
    sent, tab = sent_by(host_page, "/api/events"), Tab(host_page, site)
    host_page.evaluate("""() => {
      for (let number = 0; number < 70; number++) window.koyjabo.track("search", { to: "Mirpur 10", number });
      window.koyjabo.track("signup", { none: null, long: "x".repeat(500) });
    }""")
    wait_for(host_page, lambda: len(tab.names()) == 71, "they are counted")
    searches = [("search", "/", {"to": "Mirpur 10", "number": str(number)}) for number in range(70)]
    assert stored(site, tab.who) == [*searches, ("signup", "/", {"long": "x" * 120})]
    wait_for(host_page, lambda: [len(body["events"]) for body in sent] == [50, 21], "50 at a time")
