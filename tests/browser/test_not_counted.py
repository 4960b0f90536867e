"""Visitors who do not want to be remembered or counted, and visitors whose data is erased."""

from __future__ import annotations

import json

import pytest
from support.browser.host_pages import begin, begin_live, wait_for_state
from support.browser.pages import expect, live, log_in, sent_by, visit, wait_for

counted = pytest.mark.long(proved_by="browser/test_not_counted.py::test_switch_is_on_home_page_and_account")
erased = pytest.mark.long(proved_by="browser/test_not_counted.py::test_one_who_asks_is_forgotten_by_server_and_browser")

LOCAL, SESSION = "Object.keys(localStorage).sort()", "Object.keys(sessionStorage).sort()"
SAYS = "This browser is not counted (KoyJabo.doNotCount)"
ERASED = "Your data has been erased. If you open the page again, you count as a new visitor."


@counted
def test_page_that_remembers_nothing_has_an_id_for_the_session_alone(host_page, site):
    sent, opened, problems = sent_by(host_page, "register"), [], []

    def listen(socket) -> None:
        opened.append(socket.url)
        socket.on("framesent", lambda frame: problems.append(frame))

    host_page.on("websocket", listen)
    before = site.stats()
    for _ in range(2):  # a reload is the same visit
        begin_live(host_page, site, remember=False)
        assert host_page.evaluate(LOCAL) == []
        host_page.reload()
    ((body,), after) = sent, site.stats()
    assert body["anonymous"] is True
    assert {url.partition(f":{site.port}")[2] for url in opened} == {"/?anonymous=true"}, "proxies log URLs"
    assert {json.loads(frame)["visitorId"] for frame in problems if "visitorId" in frame} == {body["visitorId"]}
    assert (after.total, after.unique) == (before.total + 1, before.unique + 1)
    assert not is_known(site, body["visitorId"])
    assert site.post("/api/visitor/heartbeat", json={**body}).status_code == 204


@counted
def test_browser_that_is_not_counted_registers_nothing_and_says_so(host_page, device, site):
    url = f"http://localhost:{site.port}/static/js/koyjabo.js"
    host_page.evaluate("async (url) => (await import(url)).KoyJabo.doNotCount()", url)
    before = site.stats().total
    begin(host_page, site)
    wait_for_state(host_page, before, "live")
    kept = ["koyjabo.doNotCount"], [f"koyjabo.stats localhost:{site.port}"]
    assert (host_page.evaluate(LOCAL), host_page.evaluate(SESSION)) == kept
    assert device.console == [SAYS, "Connected to KoyJabo Analytics Stream"]
    host_page.evaluate("async (url) => (await import(url)).KoyJabo.doNotCount(false)", url)
    host_page.reload()
    begin(host_page, site)
    wait_for_state(host_page, before + 1, "live")


@counted
def test_page_that_only_shows_numbers_stores_no_visitor(host_page, site):
    begin_live(host_page, site, counts=False)
    kept = [f"koyjabo.stats localhost:{site.port}"]
    assert (host_page.evaluate(LOCAL), host_page.evaluate(SESSION)) == ([], kept)


def test_switch_is_on_home_page_and_account(device, site, karim):
    page = live(device.open())
    page.get_by_text("Do not count me").click()
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


def status(page):
    return page.locator("[data-forget] [role=status]")


def ask(page) -> None:
    page.locator("[data-forget] summary").click()
    page.get_by_role("button", name="Erase this browser's data").click()


def visitor_of(page) -> str:
    return page.evaluate("localStorage.getItem('visitorId')")


def is_known(site, visitor: str) -> bool:
    return site.post("/api/visitor/heartbeat", json={"visitorId": visitor}).status_code == 204


def test_one_who_asks_is_forgotten_by_server_and_browser(device, site):
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


@erased
def test_it_takes_as_many_times_as_it_takes(device, site):
    page = live(device.open())
    asked = []

    def answer(route) -> None:
        asked.append(route)
        if len(asked) < 3:
            response = {"error": "There is more.", "code": "not_yet_forgotten", "details": {}}
            route.fulfill(status=503, json=response, headers={"Retry-After": "0"})
        else:
            route.continue_()

    page.route("**/api/visitor/forget", answer)
    visitor = visitor_of(page)
    ask(page)
    expect(status(page)).to_have_text(ERASED)
    assert (len(asked), is_known(site, visitor)) == (3, False)


@erased
def test_visit_that_was_on_its_way_meanwhile_is_forgotten_as_well(device, site):
    page = device.context.new_page()
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


def refuse(route) -> None:
    route.fulfill(status=503, json={"error": "No.", "code": "ledger_unavailable", "details": {}})


@erased
@pytest.mark.parametrize("failure", [refuse, lambda route: route.abort()], ids=["503", "no network"])
def test_failure_to_forget_is_shown_and_may_be_tried_again(device, site, failure):
    page = live(device.open())
    visitor = visitor_of(page)
    page.route("**/api/visitor/forget", failure)
    ask(page)
    expect(status(page)).to_contain_text("could not be erased")
    assert (visitor_of(page), is_known(site, visitor)) == (visitor, True)
    page.unroute("**/api/visitor/forget")
    page.get_by_role("button", name="Erase this browser's data").click()
    expect(status(page)).to_have_text(ERASED)
    assert not is_known(site, visitor)
