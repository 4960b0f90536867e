"""koyjabo-queue.js on other sites: waiting entries are sent once, unless the server would count them twice."""

from __future__ import annotations

import time
from itertools import count
from typing import Any

import pytest
from support.browser.host_pages import begin, begin_live
from support.browser.pages import sent_by, wait_for

long = pytest.mark.long(proved_by="browser/test_queue.py::test_what_finds_no_network_waits_and_is_sent_when_it_is_back")

DAY_MS = 86_400_000
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
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
NEXT = "() => { window.isKept = new Promise((resolve) => addEventListener('koyjaboWaiting', resolve)); }"
KEPT = "async () => { await window.isKept; }"
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}

numbers = count()


class Queue:
    """A visitor's queue on another site's page."""

    def __init__(self, page, site: Any) -> None:
        self.page, self.site = page, site
        self.visitor = f"queue{next(numbers)}"
        self.module = f"http://localhost:{site.port}/static/js/koyjabo-queue.js"

    def visit(self, age_ms: int = 0, port: int = 0, **fields: Any) -> str:
        """Store a waiting visit of this age. Returns its id."""
        visit, body = self._id(age_ms), {"visitorId": self.visitor, "timestamp": now_ms() - age_ms, **fields}
        return self._note(visit, "/api/visitor/register", {**body, "visitId": visit}, port=port)

    def event(self, visit: str, name: str = "search", **fields: Any) -> str:
        event = self._id()
        about = {"id": event, "name": name, "page": "/", "props": {}, "at": now_ms()}
        return self._note(event, "/api/events", {"visitorId": self.visitor, **fields, "events": [about]}, visit)

    def _id(self, age_ms: int = 0) -> str:
        """An id like the module's own, which sort by time."""
        return f"{in_base_36(now_ms() - age_ms)}-{next(numbers):06}"

    def _note(self, entry: str, path: str, body: Any, visit: str | None = None, port: int = 0) -> str:
        url = f"http://localhost:{port or self.site.port}{path}"
        of_visit = {"visit": visit} if visit else {}
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

    def waited_min(self, visit: str) -> int | None:
        """How long the server says that a visit waited, in whole minutes; None if this is unknown."""
        ((waited_ms,),) = self.site.database.rows(f"SELECT waited_ms FROM visits WHERE visit_id = '{visit}'")
        return None if waited_ms is None else waited_ms // 60_000

    def _stored(self, query: str) -> list[str]:
        return [row[0] for row in self.site.database.rows(query.format(self.visitor))]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def in_base_36(number: int) -> str:
    return (in_base_36(number // 36) if number >= 36 else "") + DIGITS[number % 36]


@pytest.fixture
def queue(host_page, site) -> Queue:
    return Queue(host_page, site)


def test_what_waits_is_sent_as_it_was_in_the_order_of_time(queue):
    sent = sent_by(queue.page, "/api/")
    first = queue.visit(age_ms=3_600_000, page="/history")
    events = [queue.event(first) for _ in range(5)]
    ahead = queue.visit(age_ms=-DAY_MS)  # made while the clock was ahead
    queue.deliver()
    assert (queue.visits(), queue.events(), queue.waits()) == ([first, ahead], events, [])
    assert [len(body.get("events", ())) for body in sent] == [0, 5, 0]
    assert queue.waited_min(first) == 60
    assert queue.waited_min(ahead) is None


def test_what_finds_no_network_waits_and_is_sent_when_it_is_back(queue):
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
@pytest.mark.parametrize(
    "answer",
    [
        *({"status": status, "json": {"error": "Not now."}, "headers": {"Retry-After": "20"}} for status in (429, 503)),
        {"body": "<h1>Our Wi-Fi</h1>"},
    ],
    ids=["429", "503", "portal"],
)
def test_server_that_takes_nothing_now_is_asked_again_when_it_has_said(queue, answer):
    queue.page.clock.install()
    sent = sent_by(queue.page, "/api/")
    answer = {**answer, "headers": {**CORS, **answer.get("headers", {})}}
    queue.page.route("**/api/**", lambda route: route.fulfill(**answer), times=1)
    visits = [queue.visit(), queue.visit()]
    queue.deliver()
    assert (queue.visits(), len(sent), queue.waits()) == ([], 1, visits)
    queue.page.clock.run_for(31_000)
    wait_for(queue.page, lambda: queue.page.evaluate(KEYS) == [], "it is sent again")
    assert queue.visits() == visits


@long
def test_page_that_is_left_sends_visits_before_their_events(queue):
    begin_live(queue.page, queue.site)
    queue.page.evaluate("window.koyjabo.track('search')")
    wait_for(queue.page, lambda: queue.page.evaluate("window.koyjabo.waiting") == 0, "its module is there")
    sent = sent_by(queue.page, "/api/")
    visits = [queue.visit() for _ in range(8)]
    for visit in reversed(visits):
        queue.event(visit)
    queue.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    wait_for(queue.page, lambda: len(sent) >= 16, "all is sent")
    assert [body.get("visitId") for body in sent[:8]] == visits


def test_refused_events_wait_and_hold_back_no_visit(queue):
    first = queue.visit()
    event, second = queue.event(first), queue.visit()
    refusal = {"status": 503, "json": {"error": "No."}, "headers": {**CORS, "Retry-After": "60"}}
    queue.page.route("**/api/events", lambda route: route.fulfill(**refusal), times=1)
    queue.deliver()
    assert (queue.visits(), queue.events(), queue.waits()) == ([first, second], [], [event])
    queue.deliver()
    assert (queue.events(), queue.waits()) == ([event], [])


@long
def test_no_visit_is_lost_or_late_because_the_clock_was_set_while_it_waited(queue):
    """A phone without a network may believe that it is 1970, until it gets the time from the network."""
    ages_ms = {"1970": now_ms(), "old": 366 * DAY_MS, "waited": 364 * DAY_MS, "ahead": -3000 * DAY_MS}
    visits = {name: queue.visit(age_ms=age_ms) for name, age_ms in ages_ms.items()}
    events = [queue.event(visit) for visit in visits.values()]
    queue.deliver()
    assert (queue.visits(), queue.events(), queue.waits()) == ([*visits.values()], events, [])
    waited = {name: queue.waited_min(visit) for name, visit in visits.items()}
    assert waited == {"1970": None, "old": None, "waited": 364 * 1440, "ahead": None}


@long
def test_what_is_refused_is_dropped_with_its_events_and_a_line(queue, device):
    refused, counted = queue.visit(communityId="unknown"), queue.visit()
    queue.event(refused)
    queue.event(counted, name="Not a name")
    event = queue.event(counted)
    queue.site.post("/api/visitor/register", json={"visitorId": queue.visitor, "visitId": counted})
    queue.deliver()
    assert (queue.visits(), queue.events(), queue.waits()) == ([counted], [event], [])
    problems = [line.split()[2] for line in device.console if line.startswith("Not counted:")]
    assert problems == ["Community", "Some"]


@long
def test_server_that_is_gone_keeps_nothing_of_another_waiting(queue):
    gone = queue.visit(port=9)
    visit = queue.visit()
    queue.deliver()
    assert (queue.visits(), queue.waits()) == ([visit], [gone])


@long
@pytest.mark.parametrize("fault", [NO_DATABASE, FULL_DATABASE, NO_LOCKS])
def test_browser_that_can_do_less_sends_what_pages_have_noted(queue, fault):
    queue.page.evaluate(f"() => {{ {fault} }}")
    queue.page.route("**/api/**", lambda route: route.abort(), times=1)
    visit = queue.visit()
    queue.deliver()
    assert queue.visits() == []
    assert queue.page.evaluate(KEYS)
    queue.deliver()
    assert (queue.visits(), queue.page.evaluate(KEYS)) == ([visit], [])


def test_anonymous_events_are_sent_apart_from_others_of_their_session(queue):
    """One page in a session may be set to remember nothing, while another page may remember."""
    visit = queue.visit()
    for fields in ({}, {"anonymous": True}, {"anonymous": True}, {}):
        queue.event(visit, **fields)
    bodies = sent_by(queue.page, "/api/events")
    queue.deliver()
    assert [(body.get("anonymous"), len(body["events"])) for body in bodies] == [(None, 1), (True, 2), (None, 1)]


@long
def test_event_is_not_sent_before_the_visit_of_the_same_page(host_page, site):
    host_page.evaluate("localStorage.visitorId = 'patient'")
    host_page.route("**/api/visitor/register", lambda route: route.abort())
    host_page.evaluate(NEXT)
    begin(host_page, site)
    host_page.evaluate(KEPT)
    host_page.evaluate("window.koyjabo.track('search')")
    host_page.evaluate(NEXT)
    host_page.evaluate("dispatchEvent(new Event('online'))")
    host_page.evaluate(KEPT)
    query = "SELECT e.name, v.visitor_id FROM events e LEFT JOIN visits v ON v.id = e.visit_id"
    query = f"{query} WHERE e.visitor_id = 'patient'"
    assert site.database.rows(query) == []
    host_page.unroute("**/api/visitor/register")
    host_page.evaluate("dispatchEvent(new Event('online'))")
    wait_for(host_page, lambda: site.database.rows(query), "it is sent")
    assert site.database.rows(query) == [("search", "patient")]


def test_visit_that_the_queue_took_over_leaves_it_when_its_page_has_the_answer(queue):
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
