"""What every page of the panel has: the command menu, by keyboard, touch and without scripts, and whether visits are
saved; and the pages that run the site.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.members import Member, promote
from support.pages import check_accessible, expect, open_as, visit_as, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page

PHONE = {"viewport": {"width": 360, "height": 780}, "has_touch": True, "is_mobile": True, "locale": "bn-BD"}


@pytest.fixture(scope="module")
def boss(site):
    boss = Member(site, "boss")
    promote(site, boss)
    boss.found("Mirpur 10 commuters")
    return boss


def field(page: Page):
    return page.locator("#command-menu input")


def test_command_menu_is_used_by_keyboard_alone(site, tab, boss):
    site.register("ayesha")
    page = visit_as(tab, boss, "/admin/settings")
    page.keyboard.press("Control+k")
    expect(field(page)).to_be_focused()
    expect(page.get_by_role("option").first).to_have_text("Overview")
    page.keyboard.type("mirpur")
    expect(page.get_by_role("option")).to_have_text([re.compile("Mirpur 10 commuters")])
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
    field(page).fill("health")
    page.keyboard.press("Enter")  # before the answer is there
    page.wait_for_url("**/admin/health")


def test_answer_to_an_earlier_question_is_dropped(tab, boss):
    page = visit_as(tab, boss, "/admin/settings")
    held: list = []
    page.route("**/admin/search?q=he", lambda route: held.append(route))
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option").first).to_be_visible()
    field(page).fill("he")
    wait_for(page, lambda: held, "it is asked")
    field(page).fill("mirpur")
    expect(page.get_by_role("option")).to_have_text([re.compile("Mirpur 10 commuters")])
    held[0].abort()
    expect(page.get_by_role("option")).to_have_text([re.compile("Mirpur 10 commuters")])


def test_command_menu_is_used_by_touch_in_bangla(site, new_device, boss):
    site.register("babul")
    page = open_as(new_device(**PHONE), boss, "/admin/data")
    page.locator("[data-command-menu]").tap()
    field(page).fill("৪০০১")
    option = page.locator("#command-menu [role=option]").last
    expect(option).to_contain_text("৪,০০১")
    assert option.bounding_box()["height"] >= 44
    option.tap()
    page.wait_for_url("**/admin/visits/4001")


def test_search_works_without_scripts(new_device, boss):
    page = open_as(new_device(java_script_enabled=False), boss, "/admin/settings")
    page.locator("[data-command-menu]").click()
    page.get_by_role("searchbox").fill("mirpur")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Mirpur 10 commuters").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Mirpur 10 commuters")


def test_settings_are_filtered_while_one_types(tab, boss):
    page = visit_as(tab, boss, "/admin/settings")
    page.get_by_label("Name or meaning").fill("rate limit vis")
    expect(page.locator("#settings tbody tr:visible")).to_have_count(1)
    expect(page.get_by_text("1 setting", exact=True)).to_be_visible()
    check_accessible(page)


def test_open_page_says_since_when_visits_are_not_saved_and_that_they_are(site, tab, boss):
    page = visit_as(tab, boss, "/admin/users")
    notice, mark = page.locator("[data-unsaved]"), page.locator("[data-health]")
    expect(notice).to_have_text("")
    with site.database.locked():
        page.evaluate("fetch('/api/visitor/register', {method: 'POST', body: JSON.stringify({visitorId: 'karim'})})")
        expect(notice).to_contain_text("Visits have not been saved since")
        expect(mark).to_have_attribute("data-kind", "danger")
        check_accessible(page)
    site.register("karim")
    expect(notice).to_have_text("")
    expect(mark).not_to_have_attribute("data-kind", "danger")


def test_login_of_an_admin_leads_to_the_panel_and_counts_nothing(site, new_device, boss):
    before = site.stats().total
    page = new_device().open("/login")
    page.get_by_label("Email").fill(boss.email)
    page.get_by_label("Password").fill("rickshaw at dawn")
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url("**/admin/")
    page.wait_for_load_state("networkidle")
    assert site.stats().total == before
