"""The panel's lists of visits, used by keyboard."""

import re

import pytest
from pages import expect, visit

VISITS = 10
ANDROID = "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"

ROWS = "[data-table=visits] tbody tr"
FOCUSED = "document.activeElement.closest('tr')?.rowIndex ?? 0"


@pytest.fixture(scope="module")
def site(new_site):
    """A site without visits."""
    return new_site(STARTING_TOTAL=None)


@pytest.fixture(scope="module", autouse=True)
def visits(site, founder):
    """Register visits. The first is by a user, on a page that has no other visits."""
    founder.visit("founder", page="/fares/mirpur-10", userAgent=ANDROID)
    for number in range(1, VISITS):
        site.register(f"visitor{number}", page=f"/stops/uttara-north-{number}", userAgent=ANDROID)


def test_the_keyboard_moves_through_the_list_of_visits_and_the_back_button_closes_a_visit(admin_tab):
    page, sheet = admin_tab, admin_tab.locator("dialog.sheet")
    visit(page, "/admin/visits")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate(FOCUSED) == 2
    page.keyboard.press("k")
    assert page.evaluate(FOCUSED) == 1
    page.keyboard.press("Enter")
    expect(sheet).to_contain_text("uttara-north-9")
    expect(page).to_have_url(re.compile(r"/admin/visits/10$"))
    page.keyboard.press("j")
    expect(sheet).to_contain_text("uttara-north-8")
    expect(page).to_have_url(re.compile(r"/admin/visits/9$"))
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/admin/visits$"))
    assert page.evaluate(FOCUSED) == 2
    page.locator(ROWS).nth(2).locator("td").nth(1).click()
    expect(sheet).to_contain_text("uttara-north-7")
    page.go_back()
    expect(sheet).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/admin/visits$"))
    page.locator("#text").press("j")
    expect(page.locator("#text")).to_have_value("j")


def test_a_combobox_finds_a_value_by_a_part_of_its_name_and_sends_the_value(admin_tab):
    page = admin_tab
    visit(page, "/admin/visits")
    page.get_by_text("Filters", exact=True).click()
    field, choices = page.get_by_role("combobox", name="Page"), page.locator("#page-choices li")
    field.fill("MIRPUR")
    expect(choices).to_have_text(["/fares/mirpur-101"])
    field.press("Enter")
    expect(field).to_have_value("/fares/mirpur-10")
    for _ in range(3):
        field.press("ArrowDown")
    expect(field).to_have_attribute("aria-activedescendant", "page-choices-1")
    field.press("Escape")
    expect(field).to_have_value("/fares/mirpur-10")
    field.fill("nowhere")
    expect(page.get_by_text("Nothing found.")).to_be_visible()
    field.press("Escape")
    page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile(r"page=%2Ffares%2Fmirpur-10"))
