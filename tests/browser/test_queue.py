"""counting/koyjabo-queue.3.js in browsers whose database, locks or storage fail: all visits and events count once."""

from __future__ import annotations

import pytest
from host_pages import begin
from pages import freeze, wait_for

WAITING = """
Object.entries(localStorage).filter(([key]) => key.startsWith("koyjabo.waiting")).map(([, note]) => note === "0")
"""
AFTER_QUEUE = "navigator.locks.request('koyjabo.waiting', () => {})"
"""Resolves after what the queue has begun."""

COUNT_OPENED = """
window.opened = 0;
const open = IDBFactory.prototype.open;
IDBFactory.prototype.open = function (...args) { window.opened++; return open.apply(this, args); };
"""
BLOCK = """
() => new Promise((blocked) => {
  indexedDB.open("koyjabo.waiting").onsuccess = ({ target }) => {
    window.connection = target.result; // stays open, so that the deletion and everything after it wait
    indexedDB.deleteDatabase("koyjabo.waiting").onblocked = blocked;
  };
})
"""
UNBLOCK = """
async () => {
  window.connection.close();
  const { held } = await navigator.locks.query();
  const entries = await new Promise((counted) => {
    indexedDB.open("koyjabo.waiting").onsuccess = ({ target: { result } }) => {
      result.transaction("koyjabo.waiting").objectStore("koyjabo.waiting").count().onsuccess =
        ({ target }) => counted(target.result);
    };
  });
  return { locks: held.length, entries };
}
"""
HOLD = """
const { set } = Object.getOwnPropertyDescriptor(IDBTransaction.prototype, "oncomplete");
Object.defineProperty(IDBTransaction.prototype, "oncomplete", {
  set(call) {
    set.call(this, (event) => (window.isHeld ? (window.release = () => call(event)) : call(event)));
  },
});
"""
FULL = """
for (let room = "x".repeat(2 ** 22); room; ) {
  try {
    localStorage[`room ${room.length} ${Math.random()}`] = room;
  } catch {
    room = room.slice(room.length / 2 + 0.5);
  }
}
"""
SILENT = "IDBFactory.prototype.open = () => ({});"
DISTORTIONS = {
    "a full storage and a silent database": FULL + SILENT,
    "a lock that is never granted": "LockManager.prototype.request = () => new Promise(() => {});",
}
MORE_DISTORTIONS = {
    "no storage and a silent database": SILENT
    + "Object.defineProperty(window, 'localStorage', { get() { throw new Error('forbidden'); } });",
    "a full storage and a database that fails": FULL + "IDBFactory.prototype.open = () => { throw new Error('no'); };",
    "an open that throws": "IDBFactory.prototype.open = () => { throw new Error('no'); };",
    "a database that throws": "Object.defineProperty(window, 'indexedDB', { get() { throw new Error('no'); } });",
    "a database that is null": "Object.defineProperty(window, 'indexedDB', { value: null });",
    "no database": "Object.defineProperty(window, 'indexedDB', { value: undefined });",
    "a transaction that never ends": """
IDBDatabase.prototype.transaction = () => {
  const kept = { put() {}, delete() {}, getAll: () => ({}) };
  return { objectStore: () => Object.assign(kept, { transaction: {} }) };
};
""",
    "a list that never comes": "IDBObjectStore.prototype.getAll = () => ({});",
    "a transaction that is aborted": """
const begin = IDBDatabase.prototype.transaction;
IDBDatabase.prototype.transaction = function (...args) {
  const begun = begin.apply(this, args);
  queueMicrotask(() => begun.abort());
  return begun;
};
""",
    "a connection that is lost": "IDBDatabase.prototype.transaction = () => { throw new Error('closing'); };",
    "locks that throw": "LockManager.prototype.request = () => { throw new Error('no'); };",
    "locks that are refused": "LockManager.prototype.request = () => Promise.reject(new Error('no'));",
    "locks that are null": "Object.defineProperty(navigator, 'locks', { value: null });",
    "no locks": "Object.defineProperty(navigator, 'locks', { value: undefined });",
}

FOREIGN = ["", "text", "5", "null", "[]", '{"id": "6"}', '{"id": "7", "url": "a", "body": {}}']
FOREIGN += ['{"url": "http://a", "body": {}}']
"""Notes that another script of the page could write."""


@pytest.fixture
def distorted(new_device, other_site):
    """Open a page on another site whose browser this script has distorted, and stop its clock."""

    def open_page(script: str):
        page = new_device().context.new_page()
        page.add_init_script(script)
        page.clock.install()
        page.goto(other_site)
        freeze(page)
        return page

    return open_page


def begin_offline(page, site) -> None:
    """Start the client, and track an event. Both requests fail."""
    page.route("**/api/**", lambda route: route.abort())
    begin(page, site)
    page.evaluate("window.koyjabo.track('queued')")


def counted(site, who: str) -> tuple[int, int]:
    """The numbers of a visitor's visits and events."""
    (visits,), (events,) = (
        site.database.rows(f"SELECT count(*) FROM {table} WHERE visitor_id = '{who}'")[0]
        for table in ("visits", "events")
    )
    return visits, events


def test_a_page_with_a_blocked_browser_database_sends_its_entries_after_three_seconds(distorted, site):
    page = distorted(COUNT_OPENED)
    page.evaluate(BLOCK)
    begin_offline(page, site)
    who, opened = page.evaluate("window.koyjabo.visitorId"), page.evaluate("window.opened")
    wait_for(page, lambda: page.clock.run_for(100) or page.evaluate("window.opened") > opened, "it asks its database")
    page.unroute("**/api/**")
    wait_for(page, lambda: page.clock.run_for(1_000) or counted(site, who) == (1, 1), "both are counted")
    page.evaluate("window.koyjabo.track('later')")
    wait_for(page, lambda: page.clock.run_for(100) or counted(site, who) == (1, 2), "the next event is counted")
    wait_for(page, lambda: page.evaluate(WAITING) == [], "nothing waits")
    assert page.evaluate("window.opened") == opened + 1
    assert page.evaluate(UNBLOCK) == {"locks": 0, "entries": 0}, "the late answer changes nothing"


def test_a_failed_store_is_tried_again_with_the_next_entry(distorted, site):
    page = distorted("""
const open = IDBFactory.prototype.open;
window.failed = 0;
IDBFactory.prototype.open = function (...args) {
  if (window.failed++) return open.apply(this, args);
  throw new Error("the first one fails");
};
""")
    sent: list[str] = []
    page.on("requestfailed", lambda request: sent.append(request.url) if "register" in request.url else None)
    begin_offline(page, site)
    wait_for(page, lambda: page.clock.run_for(100) or len(sent) == 2, "the page has tried both content types")
    wait_for(page, lambda: page.clock.run_for(100) or page.evaluate("window.failed"), "its database fails")
    assert page.evaluate(WAITING) == [False, False], "nothing is stored"
    page.evaluate("window.koyjabo.track('next')")
    wait_for(page, lambda: page.evaluate(WAITING).count(False) == 3, "the next event is noted")
    page.clock.run_for(1_000)
    wait_for(page, lambda: page.evaluate(WAITING) == [True] * 3, "all are stored")
    assert len(sent) == 2, "nothing is sent earlier for it"


def wait_for_the_next_try(page, site) -> None:
    """Store a visit and an event that could not be sent. They are sent again within 30 s."""
    begin_offline(page, site)
    wait_for(page, lambda: page.clock.run_for(100) or page.evaluate(WAITING) == [True, True], "both are stored")
    page.evaluate("window.koyjabo.start()")  # the page's own request has failed
    page.clock.run_for(1_000)
    page.evaluate(AFTER_QUEUE)


def other_tab(page, site) -> tuple:
    """A page in another tab that waits for its visit's response, and the request."""
    other, asked = page.context.new_page(), []
    other.route("**/api/visitor/register", lambda route: asked.append(route))
    other.goto(page.url)
    begin(other, site)
    wait_for(other, lambda: asked, "it sends its visit")
    return other, asked[0]


def test_a_visit_that_gets_its_response_while_another_tab_stores_it_leaves_the_queue(distorted, site):
    """Otherwise it would be sent again on another day, when an anonymous visit is no longer recognised."""
    page = distorted(HOLD)
    wait_for_the_next_try(page, site)
    page.evaluate("window.isHeld = true; window.koyjabo.track('next')")
    wait_for(page, lambda: page.evaluate(WAITING).count(False) == 1, "the next event is noted")
    other, request = other_tab(page, site)
    page.clock.run_for(1_000)
    wait_for(page, lambda: page.evaluate("!!window.release"), "both notes are in the database")
    request.continue_()
    wait_for(other, lambda: other.evaluate("!!window.koyjabo.visit"), "the visit is counted")
    other.close()
    page.unroute("**/api/**")
    page.evaluate("window.isHeld = false; window.release()")
    wait_for(page, lambda: page.clock.run_for(1) or page.evaluate(WAITING) == [], "nothing waits, before the next try")


def test_a_page_stores_no_note_that_it_will_not_send(distorted, site):
    page = distorted("")
    wait_for_the_next_try(page, site)
    page.evaluate("window.koyjabo.track('next')")
    wait_for(page, lambda: page.evaluate(WAITING).count(False) == 1, "the next event is noted, to be stored after 1 s")
    page.unroute("**/api/**")
    page.evaluate("dispatchEvent(new Event('online'))")
    wait_for(page, lambda: page.clock.run_for(1) or page.evaluate(WAITING) == [], "all are sent")
    other_tab(page, site)
    page.clock.run_for(1_000)
    page.evaluate(AFTER_QUEUE)
    assert True not in page.evaluate(WAITING), "the note is its own page's"


@pytest.mark.parametrize(
    "script",
    [
        *(pytest.param(script, id=name) for name, script in DISTORTIONS.items()),
        *(pytest.param(script, id=name, marks=pytest.mark.long) for name, script in MORE_DISTORTIONS.items()),
    ],
)
def test_a_visit_and_its_events_count_once_in_a_browser_that_refuses_something(distorted, site, script):
    page = distorted(script)
    begin_offline(page, site)
    who = page.evaluate("window.koyjabo.visitorId")
    wait_for(page, lambda: page.evaluate("window.koyjabo.waiting") or not page.evaluate("navigator.locks"), "it waits")
    page.unroute("**/api/**")
    wait_for(page, lambda: page.clock.run_for(1_000) or counted(site, who) == (1, 1), "both are counted")
    page.evaluate("window.koyjabo.track('again')")
    wait_for(page, lambda: page.clock.run_for(1_000) or counted(site, who) == (1, 2), "the next event is counted")


def test_entries_of_another_script_do_not_stop_the_queue(distorted, site):
    page = distorted("")
    page.evaluate("(values) => values.map((value, at) => (localStorage[`koyjabo.waiting ${at}`] = value))", FOREIGN)
    begin_offline(page, site)
    who = page.evaluate("window.koyjabo.visitorId")
    page.unroute("**/api/**")
    wait_for(page, lambda: page.clock.run_for(1_000) or counted(site, who) == (1, 1), "both are counted")
    wait_for(page, lambda: page.clock.run_for(1_000) or page.evaluate(WAITING) == [], "nothing waits")
