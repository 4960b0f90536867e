"""The header of every panel page: the command menu by keyboard and touch, and whether visits are saved."""

import re

import pytest
from pages import check_accessible, expect, visit


@pytest.fixture(scope="module", autouse=True)
def commuters(founder):
    founder.found("Uttara commuters")


def field(page):
    return page.locator("#command-menu input")


def test_the_command_menu_works_by_keyboard(admin_tab):
    page = admin_tab
    visit(page, "/admin/server")
    page.keyboard.press("Control+k")
    expect(field(page)).to_be_focused()
    expect(page.get_by_role("option").first).to_have_text("Overview")
    page.keyboard.type("uttara")
    expect(page.get_by_role("option")).to_have_text([re.compile("Uttara commuters")])
    expect(page.get_by_role("option")).to_have_attribute("aria-selected", "true")
    assert field(page).get_attribute("aria-activedescendant") == page.get_by_role("option").get_attribute("id")
    expect(page.locator("#command-menu [role=status]")).to_have_text("1 result")
    check_accessible(page)
    page.keyboard.press("Escape")
    expect(field(page)).to_be_hidden()
    page.keyboard.press("Meta+k")
    field(page).fill("a")
    expect(page.get_by_role("option").nth(2)).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option").nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("option").last).to_have_attribute("aria-selected", "true")
    field(page).fill("time zone")
    page.keyboard.press("Enter")  # before the response arrives
    page.wait_for_url("**/admin/server")


def test_an_open_page_shows_a_notice_while_visits_are_not_saved(site, admin_tab):
    page = admin_tab
    visit(page, "/admin/people")
    notice = page.locator("[data-unsaved]")
    expect(notice).to_have_text("")
    with site.database.locked():
        page.evaluate("fetch('/api/visitor/register', {method: 'POST', body: JSON.stringify({visitorId: 'karim'})})")
        expect(notice).not_to_have_text("")
    site.register("karim")
    expect(notice).to_have_text("")
