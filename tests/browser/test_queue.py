"""koyjabo-queue.js in a browser: entries wait in its database, and are sent once (for its rules: clients/modules)."""

import time
from itertools import count
from typing import Any

import pytest
from support.browser.host_pages import begin
from support.browser.pages import wait_for

long = pytest.mark.long(proved_by="browser/test_queue.py::test_entries_wait_for_a_network_and_are_sent_then")

NOTE = "([id, entry]) => localStorage.setItem(`koyjabo.waiting ${id}`, JSON.stringify(entry))"
DELIVER = "async (url) => { const queue = await import(url); await queue.deliver(); }"
KEYS = "Object.keys(localStorage).filter((key) => key.startsWith('koyjabo.waiting'))"
WAITING = """
() => new Promise((resolve) => {
  const opening = indexedDB.open("koyjabo.waiting");
  opening.onsuccess = () => {
    const asked = opening.result.transaction("koyjabo.waiting").objectStore("koyjabo.waiting").getAllKeys();
    asked.onsuccess = () => { opening.result.close(); resolve(asked.result); };
  };
})
"""
NO_DATABASE = "indexedDB.open = () => { throw new DOMException('blocked', 'SecurityError'); }"
FULL_DATABASE = "IDBObjectStore.prototype.put = function () { this.transaction.abort(); }"
NO_LOCKS = "Object.defineProperty(navigator, 'locks', { value: undefined })"

numbers = count()


class Queue:
    """A visitor's queue on another site's page."""

    def __init__(self, page, site: Any) -> None:
        self.page, self.site = page, site
        self.visitor = f"queue{next(numbers)}"
        self.module = f"http://localhost:{site.port}/static/js/koyjabo-queue.js"

    def visit(self) -> str:
        """Store a waiting visit. Returns its id."""
        visit = self._id()
        return self._note(visit, "/api/visitor/register", {"visitorId": self.visitor, "visitId": visit})

    def event(self, visit: str) -> str:
        event = self._id()
        about = {"id": event, "name": "search", "page": "/", "props": {}, "at": int(time.time() * 1000)}
        return self._note(event, "/api/events", {"visitorId": self.visitor, "events": [about]}, visit=visit)

    def _id(self) -> str:
        """An id that sorts by time, like the module's. Its prefix is an instant in 2026 in base 36."""
        return f"mwzn8qo0-{next(numbers):06}"

    def _note(self, entry: str, path: str, body: Any, **of_visit: str) -> str:
        url = f"http://localhost:{self.site.port}{path}"
        self.page.evaluate(NOTE, [entry, {"id": entry, "url": url, **of_visit, "body": body}])
        return entry

    def deliver(self) -> None:
        self.page.evaluate(DELIVER, self.module)

    def waits(self) -> list[str]:
        """The ids of waiting entries. Asserts that the flag in localStorage agrees."""
        ids: list[str] = self.page.evaluate(WAITING)
        assert bool(ids) == bool(self.page.evaluate(KEYS))
        return ids

    def visits(self) -> list[str]:
        return self._stored("SELECT visit_id FROM visits WHERE visitor_id = '{}' ORDER BY id")

    def events(self) -> list[str]:
        return self._stored("SELECT event_id FROM events WHERE visitor_id = '{}' ORDER BY id")

    def _stored(self, query: str) -> list[str]:
        return [row[0] for row in self.site.database.rows(query.format(self.visitor))]


@pytest.fixture
def queue(host_page, site) -> Queue:
    return Queue(host_page, site)


def test_entries_wait_for_a_network_and_are_sent_then(queue):
    queue.page.route("**/api/**", lambda route: route.abort())
    visit = queue.visit()
    event = queue.event(visit)
    queue.deliver()
    assert (queue.visits(), queue.waits()) == ([], [visit, event])
    assert queue.page.evaluate(f"{KEYS}.map((key) => localStorage[key])") == ["0", "0"]
    queue.page.unroute("**/api/**")
    queue.page.evaluate("dispatchEvent(new Event('online'))")
    wait_for(queue.page, lambda: queue.page.evaluate(KEYS) == [], "it is sent")
    assert (queue.visits(), queue.events(), queue.waits()) == ([visit], [event], [])


@long
@pytest.mark.parametrize("fault", [NO_DATABASE, FULL_DATABASE, NO_LOCKS])
def test_browser_without_database_or_locks_sends_the_notes_of_pages(queue, fault):
    queue.page.evaluate(f"() => {{ {fault} }}")
    queue.page.route("**/api/**", lambda route: route.abort(), times=1)
    visit = queue.visit()
    queue.deliver()
    assert queue.visits() == []
    assert queue.page.evaluate(KEYS)
    queue.deliver()
    assert (queue.visits(), queue.page.evaluate(KEYS)) == ([visit], [])


def test_queue_forgets_a_visit_when_its_page_gets_the_response(queue):
    """Otherwise it would be sent again on another day, when an anonymous visit is no longer recognised."""
    asked: list[Any] = []

    def answer(route) -> None:
        asked.append(route)
        if len(asked) == 2:  # the queue's requests
            route.abort()
        elif len(asked) > 2:
            route.continue_()

    queue.page.route("**/api/visitor/register", answer)
    begin(queue.page, queue.site)
    wait_for(queue.page, lambda: asked, "the page sends it")
    queue.deliver()
    assert len(queue.waits()) == 1
    asked[0].continue_()
    wait_for(queue.page, lambda: queue.page.evaluate(WAITING) == [], "the queue is empty")
    assert queue.page.evaluate("window.koyjabo.visit")
