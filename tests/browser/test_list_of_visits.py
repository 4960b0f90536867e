"""The panel's lists in a browser: searched by part of a name on a phone, and by keyboard."""

import re

import pytest
from support.browser.pages import PHONE, check_accessible, expect, visit

pytestmark = pytest.mark.long(proved_by="browser/test_overview.py::test_panel_shows_the_next_visit")

VISITS = 60
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


def test_operator_on_a_phone_finds_a_visit_and_ends_its_session(new_device, session, founder):
    page = new_device(storage_state=session, color_scheme="dark", **PHONE).open("/admin/visits")
    page.locator("#text").fill("MIRPUR")
    page.keyboard.press("Enter")
    expect(page.locator(ROWS)).to_have_count(1)
    page.locator(ROWS).tap()
    sheet = page.locator("dialog.sheet")
    expect(sheet).to_contain_text("/fares/mirpur-10")
    check_accessible(page)
    page.set_viewport_size(PHONE["viewport"])
    sheet.locator('a[href*="/admin/people/"]').tap()
    page.locator('form[action$="/log-out"] button').tap()
    expect(page.locator("h1")).to_contain_text(founder.name)
    page.locator("main form[method=post] button").tap()
    page.wait_for_url(re.compile("/admin/people/"))
    expect(page.locator("form[action$='/log-out']")).to_be_visible()
    founder.call("GET", "/api/auth/me", status=401)
    founder.log_in()


def test_rows_are_gone_through_by_keyboard_and_back_closes_the_sheet(admin_tab):
    page, sheet = admin_tab, admin_tab.locator("dialog.sheet")
    visit(page, "/admin/visits")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate(FOCUSED) == 2
    page.keyboard.press("k")
    assert page.evaluate(FOCUSED) == 1
    page.keyboard.press("Enter")
    expect(sheet).to_contain_text("uttara-north-59")
    expect(page).to_have_url(re.compile(r"/admin/visits/60$"))
    page.keyboard.press("j")
    expect(sheet).to_contain_text("uttara-north-58")
    expect(page).to_have_url(re.compile(r"/admin/visits/59$"))
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/admin/visits$"))
    assert page.evaluate(FOCUSED) == 2
    page.locator(ROWS).nth(2).locator("td").nth(1).click()
    expect(sheet).to_contain_text("uttara-north-57")
    page.go_back()
    expect(sheet).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/admin/visits$"))
    page.locator("#text").press("j")
    expect(page.locator("#text")).to_have_value("j")


def test_combobox_is_searched_by_typing_and_sends_its_value(admin_tab):
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
