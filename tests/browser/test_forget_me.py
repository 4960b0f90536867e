"""Visitors erase the data of their browser, at the foot of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.pages import Device, check_accessible, expect, visit, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

STORED = "() => JSON.stringify([Object.keys(localStorage), Object.keys(sessionStorage)])"


def ask(page: Page) -> None:
    page.locator("[data-forget] summary").click()
    page.get_by_role("button", name="Erase this browser's data").click()


def live(device: Device) -> Page:
    page = device.open()
    expect(page.locator("[data-line]")).to_have_text("Live")
    return page


def visitor_of(page: Page) -> str:
    return page.evaluate("localStorage.getItem('visitorId')")


def is_known(site, visitor: str) -> bool:
    return site.post("/api/visitor/heartbeat", json={"visitorId": visitor}).status_code == 204


def test_one_who_asks_is_forgotten_by_server_and_browser(device, site):
    page = live(device)
    page.evaluate("localStorage.setItem('of-another-program', 'stays')")
    visitor, before = visitor_of(page), site.stats()
    assert is_known(site, visitor)
    expect(page.locator("[data-share]")).to_be_visible()
    ask(page)
    expect(page.locator("[data-forget] [role=status]")).to_have_text(
        "Your data has been erased. If you open the page again, you count as a new visitor."
    )
    expect(page.get_by_role("button", name="Erase this browser's data")).to_be_disabled()
    expect(page.locator("[data-share]")).to_be_hidden()  # nothing answers there any longer
    assert page.evaluate(STORED) == '[["of-another-program"],[]]'
    assert not is_known(site, visitor)
    after = site.stats()
    assert (after.total, after.unique, after.today) == (before.total, before.unique, before.today)
    page.reload()
    expect(page.locator("[data-line]")).to_have_text("Live")
    assert visitor_of(page) != visitor
    assert (site.stats().total, site.stats().unique) == (before.total + 1, before.unique + 1)


def test_it_takes_as_many_times_as_it_takes(device, site):
    page = live(device)
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.post_data or "")
        if len(asked) < 3:
            said = {"error": "There is more.", "code": "not_yet_forgotten", "details": {}}
            route.fulfill(status=503, json=said, headers={"Retry-After": "0"})
        else:
            route.continue_()

    page.route("**/api/visitor/forget", answer)
    visitor = visitor_of(page)
    ask(page)
    expect(page.locator("[data-forget] [role=status]")).to_contain_text("Your data has been erased.")
    assert len(asked) == 3
    assert not is_known(site, visitor)


def test_visit_that_was_on_its_way_meanwhile_is_forgotten_as_well(device, site):
    page = device.context.new_page()
    held: list[Route] = []
    page.route("**/api/visitor/register", lambda route: held.append(route))
    visit(page)
    wait_for(page, lambda: held, "it registers")
    with page.expect_response("**/api/visitor/forget"):
        ask(page)
    visitor = visitor_of(page)
    held[0].continue_()
    expect(page.locator("[data-forget] [role=status]")).to_contain_text("Your data has been erased.")
    assert not is_known(site, visitor)
    assert page.evaluate(STORED) == "[[],[]]"


def refuse(route: Route) -> None:
    route.fulfill(status=503, json={"error": "No.", "code": "ledger_unavailable", "details": {}})


def test_one_who_could_not_be_forgotten_is_told_and_may_try_again(device, site):
    page = live(device)
    visitor, said = visitor_of(page), page.locator("[data-forget] [role=status]")
    page.locator("[data-forget] summary").click()
    for failure in (refuse, lambda route: route.abort()):
        said.evaluate("(said) => (said.textContent = '')")  # what was said of the failure before
        page.route("**/api/visitor/forget", failure)
        page.get_by_role("button", name="Erase this browser's data").click()
        expect(said).to_contain_text("could not be erased")
        assert visitor_of(page) == visitor
        assert is_known(site, visitor)
        page.unroute("**/api/visitor/forget")
    page.get_by_role("button", name="Erase this browser's data").click()
    expect(said).to_contain_text("Your data has been erased.")
    assert not is_known(site, visitor)


@pytest.mark.parametrize("locale", [pytest.param("en-GB", marks=pytest.mark.long), "bn-BD"])
def test_open_control_is_accessible(new_device, locale):
    page = live(new_device()) if locale == "en-GB" else new_device(locale=locale).open()
    page.locator("[data-forget] summary").click()
    expect(page.locator("[data-forget] button")).to_be_visible()
    check_accessible(page)


def test_without_scripts_there_is_nothing_to_forget(new_device):
    page = new_device(java_script_enabled=False).open()
    expect(page.locator("[data-forget]")).to_be_hidden()
