"""Visitors who do not want to be remembered or counted, and visitors whose data is erased."""

import pytest
from support.browser.pages import expect, live, log_in, visit, wait_for

erased = pytest.mark.long(proved_by="browser/test_not_counted.py::test_erased_visitor_is_forgotten")

LOCAL, SESSION = "Object.keys(localStorage).sort()", "Object.keys(sessionStorage).sort()"
ERASED = "Your data has been erased. If you open the page again, you count as a new visitor."


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


def test_opening_the_panel_and_founding_a_community_are_no_visits(new_device, session, site):
    before = site.stats().total
    page = new_device(storage_state=session).context.new_page()
    for path in (
        "/admin/",
        "/admin/visits",
        "/admin/communities/new",
        "/account",
        "/admin/connect",
        "/communities/new",
    ):
        visit(page, path)
    page.get_by_label("Name", exact=True).fill("Founders")
    page.get_by_role("main").get_by_role("button", name="Create").click()
    expect(page.locator("[data-line=live]")).to_be_visible()
    assert site.stats().total == before
    page.reload()
    wait_for(page, lambda: site.stats().total == before + 1, "its page is opened")


def status(page):
    return page.locator("[data-forget] [role=status]")


def ask(page) -> None:
    page.locator("[data-forget] summary").click()
    page.get_by_role("button", name="Erase this browser's data").click()


def visitor_of(page) -> str:
    return page.evaluate("localStorage.getItem('visitorId')")


def is_known(site, visitor: str) -> bool:
    return site.post("/api/visitor/heartbeat", json={"visitorId": visitor}).status_code == 204


def test_erased_visitor_is_forgotten(device, site):
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
def test_erasing_is_repeated_until_it_is_complete(device, site):
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
def test_visit_that_is_sent_during_erasing_is_forgotten(device, site):
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
