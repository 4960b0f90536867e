"""Visitors who do not want to be remembered or counted, and visitors whose data is erased."""

import re

import pytest
from pages import expect, freeze, live, log_in, sent_by, visit, wait_for
from stored import keys_of
from test_queue import FULL, SILENT

LOCAL, SESSION = "Object.keys(localStorage).sort()", "Object.keys(sessionStorage).sort()"
ERASED = "Your data has been erased. If you open the page again, you count as a new visitor."

SILENT_DELETION = "IDBFactory.prototype.deleteDatabase = () => ({});"
HELD = """
const opening = indexedDB.open("koyjabo.waiting");
opening.onupgradeneeded = () => opening.result.createObjectStore("koyjabo.waiting", { keyPath: "id" });
opening.onsuccess = () => { window.connection = opening.result; };
"""


def test_a_browser_is_not_counted_while_the_switch_of_a_page_is_on(device, site, karim):
    page = live(device.open())
    page.locator("[data-counting] summary").click()
    page.get_by_label("Do not count this browser").check()
    ask(page)
    expect(status(page)).to_have_text(ERASED)
    before = site.stats().total
    page = live(device.open())
    expect(page.locator("[data-own]")).to_have_text("You asked not to be counted, so you have no visit number.")
    expect(page.get_by_role("link", name="Share my number")).to_be_hidden()
    log_in(device, karim)
    another = device.open("/account")
    switch = another.get_by_label("Do not count this browser")
    expect(switch).to_be_checked()
    switch.uncheck()
    assert site.stats().total == before
    live(device.open())
    wait_for(another, lambda: site.stats().total == before + 1, "it is counted")


def test_the_page_server_turns_counting_off_in_the_browser_or_shows_that_it_is(admin_tab, site):
    step = admin_tab.locator("[data-needs=browser]")
    visit(admin_tab, "/admin/server")
    step.get_by_role("button", name="Do not count").click()
    expect(step).to_have_count(0)
    assert admin_tab.evaluate("localStorage.getItem('koyjabo.doNotCount')") == "1"
    expect(admin_tab.locator(".toast a")).to_have_attribute("href", re.compile("#leave-out-your-own-visits$"))
    box = admin_tab.locator("#browser").get_by_label("Do not count this browser")
    expect(box).to_be_checked()
    box.uncheck()
    assert admin_tab.evaluate("localStorage.getItem('koyjabo.doNotCount')") is None
    box.check()
    site.database.rows("DELETE FROM starting_steps WHERE step = 'browser'")
    visit(admin_tab, "/admin/server")
    expect(step).to_have_count(0)


def status(page):
    return page.locator("[data-forget] [role=status]")


def ask(page) -> None:
    page.locator("[data-forget] summary").click()
    page.get_by_role("button", name="Erase this browser's data").click()


def visitor_of(page) -> str:
    return page.evaluate("localStorage.getItem('visitorId')")


def is_known(site, visitor: str) -> bool:
    return site.post("/api/visitor/heartbeat", json={"visitorId": visitor}).status_code == 204


def test_the_browser_and_the_server_forget_an_erased_visitor(device, site):
    page = live(device.open())
    page.evaluate("localStorage.setItem('of-another-program', 'stays')")
    visitor, before = visitor_of(page), site.stats()
    assert is_known(site, visitor)
    expect(page.locator("[data-share]")).to_be_visible()
    ask(page)
    expect(status(page)).to_have_text(ERASED)
    expect(page.get_by_role("button", name="Erase this browser's data")).to_be_disabled()
    expect(page.locator("[data-share]")).to_be_hidden()  # the shared page no longer exists
    assert (page.evaluate(LOCAL), page.evaluate(SESSION)) == (["of-another-program"], [])
    assert not is_known(site, visitor)
    after = site.stats()
    assert (after.total, after.unique, after.today) == (before.total, before.unique, before.today)
    page.reload()
    live(page)
    assert visitor_of(page) != visitor
    assert (site.stats().total, site.stats().unique) == (before.total + 1, before.unique + 1)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(FULL, id="full storage"),
        pytest.param(FULL + SILENT + SILENT_DELETION, id="full storage and silent database", marks=pytest.mark.long),
        pytest.param(HELD, id="database held open", marks=pytest.mark.long),
    ],
)
def test_a_page_whose_visitor_is_erased_sends_and_stores_nothing_that_waited(page, site, script):
    page.clock.install()
    page.add_init_script(script)
    failed: list[str] = []
    page.on("requestfailed", lambda request: failed.append(request.url) if "register" in request.url else None)
    page.route("**/api/visitor/register", lambda route: route.abort())
    visit(page)
    freeze(page)
    wait_for(page, lambda: page.clock.run_for(100) or len(failed) > 1, "the page and its queue have tried")
    visitor, sent = page.evaluate("localStorage.visitorId ?? sessionStorage.visitorId"), sent_by(page, "/api/")
    ask(page)
    wait_for(page, lambda: page.clock.run_for(1_000) or status(page).inner_text() == ERASED, "it is erased")
    page.unroute("**/api/visitor/register")
    sent.clear()
    page.evaluate("window.connection?.close()")
    page.evaluate("dispatchEvent(new Event('online'))")
    page.clock.run_for(60_000)
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    assert keys_of(page.main_frame) == {
        ("localStorage", key) for key in page.evaluate(LOCAL) if key.startswith("room ")
    }
    assert (visitor in str(sent), is_known(site, visitor)) == (False, False)


@pytest.mark.long(proved_by="browser/test_not_counted.py::test_the_browser_and_the_server_forget_an_erased_visitor")
def test_a_visit_that_is_sent_during_the_erasing_is_forgotten(page, site):
    held = []
    page.route("**/api/visitor/register", lambda route: held.append(route))
    visit(page)
    wait_for(page, lambda: held, "it registers")
    with page.expect_response("**/api/visitor/forget"):
        ask(page)
    visitor = visitor_of(page)
    held[0].continue_()
    expect(status(page)).to_have_text(ERASED)
    assert not is_known(site, visitor)
    assert (page.evaluate(LOCAL), page.evaluate(SESSION)) == ([], [])
