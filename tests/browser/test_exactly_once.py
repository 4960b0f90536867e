"""Visits and events over an unreliable network: in the end, the database contains each exactly once."""

import re
import time
from collections import Counter
from contextlib import suppress
from random import Random

import pytest
from host_pages import begin
from pages import wait_for

SEEDS, SHORT = 60, 2
"""Examples per part, and in the first part."""

STEPS = 10
MAX_TABS = 2
NETWORKS = ("here", "away", "away", "lost")
"""`lost`: the request reaches the server, but the response is lost."""

MODULES = ("/js/koyjabo.js", "/js/koyjabo-client.3.js", "/js/koyjabo-queue.3.js", "/js/client/")
"""Modules that a page needs to start."""

HURRY = """
(() => {
  const speed = 20, { setTimeout: later, setInterval: often } = window, now = performance.now.bind(performance);
  const SILENT_MS = 3_000; // as in koyjabo-queue.3.js: a busy machine's database is late, but not silent
  window.setTimeout = (call, ms, ...more) => ms === SILENT_MS || later(call, ms / speed, ...more);
  window.setInterval = (call, ms, ...more) => often(call, ms / speed, ...more);
  performance.now = () => now() * speed;
  const send = window.fetch; // requests of a page that is left get lost
  addEventListener("pagehide", () => { window.fetch = () => new Promise(() => {}); });
  addEventListener("pageshow", () => { window.fetch = send; });
})();
"""
FORGET = """
async () => {
  localStorage.clear();
  sessionStorage.clear();
  await new Promise((done) => { indexedDB.deleteDatabase("koyjabo.waiting").onsuccess = done; });
}
"""
LEFT = "Object.entries(localStorage).filter(([key]) => key.startsWith('koyjabo.waiting'))"
"""Values are a page's note, or "0" for an entry in the queue."""


class Phone:
    """Tabs of one visitor, which are opened, reloaded and closed while the network changes."""

    def __init__(self, context, site, address: str) -> None:
        self.context, self.site, self.address = context, site, address
        self.network = "here"
        self.tabs = []
        self.visits, self.events = 0, 0
        self.trace: list[str] = []
        context.on("console", lambda message: self.note(f"page: {message.text}"))
        context.route(f"http://localhost:{site.port}/**", self._answer)

    def note(self, what: str) -> None:
        self.trace.append(f"{time.monotonic():.3f} {what}")

    def _answer(self, route) -> None:
        if body := route.request.post_data:
            ids = re.findall(r'"(?:id|visitId)":"([^"]+)"', body)
            self.note(f"network {self.network}: {route.request.url.rpartition('/')[2]} {ids}")
        with suppress(Exception):  # the tab was closed in the meantime
            if self.network == "here" or any(name in route.request.url for name in MODULES):
                return route.continue_()
            if self.network == "lost":
                route.fetch()
            route.abort()

    def open(self) -> None:
        self.note(f"open tab {len(self.tabs)}")
        tab = self.context.new_page()
        tab.goto(self.address)
        begin(tab, self.site)
        self.tabs.append(tab)
        self.visits += 1

    def track(self, tab) -> None:
        self.events += 1
        tab.evaluate("(name) => window.koyjabo.track(name)", f"event_{self.events}")

    def reload(self, tab) -> None:
        tab.reload()
        begin(tab, self.site)

    def close(self, tab) -> None:
        self.tabs.remove(tab)
        tab.close()

    def wait(self, tab) -> None:
        tab.wait_for_timeout(60)

    def step(self, rng: Random) -> None:
        self.network = rng.choice(NETWORKS)
        if not self.tabs or (len(self.tabs) < MAX_TABS and rng.random() < 0.3):
            return self.open()
        what = rng.choice((self.track, self.track, self.reload, self.close, self.close, self.wait))
        tab = rng.choice(self.tabs)
        self.note(f"{what.__name__} tab {self.tabs.index(tab)}")
        what(tab)

    def come_home(self) -> str:
        """Restore the network, and open a page. Returns the visitor's id once nothing is left to send."""
        self.network = "here"
        for tab in list(self.tabs):
            tab.evaluate("dispatchEvent(new Event('online'))")
        self.open()
        tab = self.tabs[-1]
        try:
            wait_for(tab, lambda: tab.evaluate(LEFT) == [], "everything is sent")
        finally:
            self.note(f"left: {tab.evaluate(LEFT)}")
        visitor = tab.evaluate("window.koyjabo.visitorId")
        tab.evaluate(FORGET)
        for open_tab in list(self.tabs):
            self.close(open_tab)
        return visitor


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.long) for part in range(1, 5))])
def test_each_visit_and_each_event_counts_once_over_an_unreliable_network(new_device, site, other_site, part):
    device = new_device()
    device.context.add_init_script(HURRY)
    blank = device.context.new_page()  # stays open to keep the tabs' shared process alive
    blank.goto(other_site)
    phone = Phone(device.context, site, other_site)
    for seed in range(part * SEEDS, (part + 1) * SEEDS) if part else range(SHORT):
        rng = Random(seed)
        phone.visits = phone.events = 0
        phone.trace.clear()
        try:
            for _ in range(STEPS):
                phone.step(rng)
            visitor = phone.come_home()
            check(site, visitor, phone)
        except Exception as error:
            raise AssertionError("\n".join([f"seed {seed}: {error}", *phone.trace])) from error


def check(site, visitor: str, phone: Phone) -> None:
    visits = site.database.rows(f"SELECT visit_id FROM visits WHERE visitor_id = '{visitor}'")
    events = site.database.rows(f"SELECT name FROM events WHERE visitor_id = '{visitor}'")
    phone.note(f"database: {visits}")
    assert len(visits) == phone.visits
    assert Counter(name for (name,) in events) == {f"event_{number + 1}": 1 for number in range(phone.events)}
