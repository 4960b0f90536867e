"""koyjabo-queue.js in a browser: entries wait in its database, and are sent once (for its rules: clients/modules)."""

from typing import Any

from host_pages import begin
from pages import wait_for

DELIVER = "async (url) => { const queue = await import(url); await queue.deliver(); }"
NOTES = "Object.entries(localStorage).filter(([key]) => key.startsWith('koyjabo.waiting')).map(([, note]) => note)"
IN_DATABASE = """
() => new Promise((resolve) => {
  const opening = indexedDB.open("koyjabo.waiting");
  opening.onsuccess = () => {
    const asked = opening.result.transaction("koyjabo.waiting").objectStore("koyjabo.waiting").count();
    asked.onsuccess = () => { opening.result.close(); resolve(asked.result); };
  };
})
"""


def test_visits_and_events_wait_in_the_database_and_are_sent_once_there_is_a_network(host_page, site):
    host_page.route("**/api/**", lambda route: route.abort())
    before, events = site.stats().total, "SELECT count(*) FROM events WHERE name = 'queued'"
    begin(host_page, site)
    host_page.evaluate("window.koyjabo.track('queued')")
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
        if len(asked) == 2:  # the queue's request
            route.abort()
        elif len(asked) > 2:
            route.continue_()

    host_page.route("**/api/visitor/register", answer)
    begin(host_page, site)
    wait_for(host_page, lambda: asked, "the page sends it")
    host_page.evaluate(DELIVER, f"http://localhost:{site.port}/static/js/koyjabo-queue.js")
    assert host_page.evaluate(IN_DATABASE) == 1
    asked[0].continue_()
    wait_for(host_page, lambda: host_page.evaluate(IN_DATABASE) == 0, "the queue is empty")
    assert host_page.evaluate("window.koyjabo.visit")
