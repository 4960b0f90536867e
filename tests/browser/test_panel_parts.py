"""Parts of the panel by mouse and keyboard: lists, menus, the command menu, the time zone."""

import json
import re
from contextlib import contextmanager

import pytest
from pages import PASSWORD, check_accessible, expect, visit, wait_for

VISITS = 10
ANDROID = "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"

ROWS = "[data-table=visits] tbody tr"
FOCUSED = "document.activeElement.closest('tr')?.rowIndex ?? 0"


@pytest.fixture(scope="module")
def site(new_site):
    """A site without visits and without a time zone."""
    return new_site(STARTING_TOTAL=None, TIMEZONE="")


@pytest.fixture(scope="module", autouse=True)
def visits(site, founder):
    """Register visits, the first by a user on a page that has no other visits, and found a community."""
    founder.found("Uttara commuters")
    founder.visit("founder", page="/fares/mirpur-10", userAgent=ANDROID)
    for number in range(1, VISITS):
        site.register(f"visitor{number}", page=f"/stops/uttara-north-{number}", userAgent=ANDROID)


def test_the_keyboard_selects_a_visit_and_the_back_button_closes_it(admin_tab, site):
    page, sheet = admin_tab, admin_tab.locator("dialog.sheet")
    third, second, newest = (site.register("keys", page=f"/keys/{number}").ordinal for number in range(3))
    visit(page, "/admin/visits")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate(FOCUSED) == 2
    page.keyboard.press("k")
    assert page.evaluate(FOCUSED) == 1
    page.keyboard.press("Enter")
    expect(sheet).to_contain_text("/keys/2")
    expect(page).to_have_url(re.compile(rf"/admin/visits/{newest}$"))
    page.keyboard.press("j")
    expect(sheet).to_contain_text("/keys/1")
    expect(page).to_have_url(re.compile(rf"/admin/visits/{second}$"))
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/admin/visits$"))
    assert page.evaluate(FOCUSED) == 2
    page.locator(ROWS).nth(2).locator("td").nth(1).click()
    expect(page).to_have_url(re.compile(rf"/admin/visits/{third}$"))
    page.go_back()
    expect(sheet).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/admin/visits$"))
    page.locator("#text").press("j")
    expect(page.locator("#text")).to_have_value("j")


def test_a_combobox_finds_a_value_by_part_of_its_name(admin_tab):
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


def test_a_menu_opens_closes_and_moves_its_focus_by_keyboard(admin_tab):
    page = admin_tab
    visit(page, "/account")
    menu = page.locator("header details.menu")
    summary, items = menu.locator("summary"), menu.locator(".items :is(a, button)")
    summary.focus()
    for key, item in (("ArrowDown", items.first), ("ArrowUp", items.last), ("Home", items.first)):
        page.keyboard.press(key)
        expect(item).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(summary).to_be_focused()
    summary.click()
    expect(items.first).to_be_visible()
    page.locator("h1").click()
    expect(items.first).to_be_hidden()


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


@contextmanager
def unsaved(page, site):
    """No visit can be saved inside the block, and the page has tried to."""
    with site.database.locked():
        page.evaluate("fetch('/api/visitor/register', {method: 'POST', body: JSON.stringify({visitorId: 'karim'})})")
        yield


def test_an_open_page_shows_a_notice_while_visits_are_not_saved(site, admin_tab):
    page, events, held = admin_tab, [], []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda text: events.append(json.loads(text))))
    visit(page, "/admin/people")
    notice = page.locator("[data-unsaved]")
    expect(notice).to_have_text("")
    with unsaved(page, site):
        expect(notice).not_to_have_text("")
    page.route(f"**{notice.get_attribute('data-unsaved')}", lambda route: held.append(route), times=1)
    site.register("karim")
    wait_for(page, lambda: held, "the page asks why visits are saved again")
    events.clear()
    with unsaved(page, site):
        wait_for(page, lambda: any(event.get("unsaved_since") for event in events), "the page hears of it")
        held[0].fulfill(json={"unsaved": ""})  # from before
        expect(notice).not_to_have_text("")
    site.register("karim")
    expect(notice).to_have_text("")


def test_an_admin_sets_the_browsers_time_zone_with_one_click(new_device, session, site):
    page = new_device(storage_state=session, timezone_id="America/New_York").context.new_page()
    visit(page, "/admin/server")
    expect(page.get_by_role("button", name="America/New_York, as in this browser")).to_be_visible()
    visit(page, "/admin/server?edit=zone")
    page.get_by_label("Time zone").fill("lyon")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#timezone-error")).to_contain_text("'lyon'")
    page.get_by_label("Time zone").fill("somewhere")
    page.get_by_role("button", name="America/New_York, as in this browser").click()
    expect(page.locator("#zone")).to_contain_text("America/New_York")
    expect(page.locator("[data-own-zone]")).to_have_count(0)


def test_the_panel_asks_for_the_password_once_for_several_settings(admin_tab):
    visit(admin_tab, "/admin/server?edit=app")
    admin_tab.get_by_role("button", name="Save").click()
    expect(admin_tab.locator("#password-error")).to_be_visible()
    visit(admin_tab, "/admin/server?edit=retention")
    retention = admin_tab.locator("#retention")
    retention.get_by_label("Days").fill("300")
    expect(retention.get_by_label("Current password")).to_have_count(0)
    retention.get_by_role("button", name="Save").click()
    expect(retention.get_by_label("Current password")).to_be_focused()
    expect(retention.get_by_label("Days")).to_have_value("300")
    retention.get_by_label("Current password").fill(PASSWORD)
    retention.get_by_role("button", name="Save").click()
    expect(retention).to_contain_text("300 days")
    visit(admin_tab, "/admin/server?edit=app")
    app = admin_tab.locator("#app")
    expect(app.get_by_label("Current password")).to_have_count(0)
    app.get_by_role("textbox").fill("https://app.example.com")
    app.get_by_role("button", name="Save").click()
    expect(app).to_contain_text("app.example.com")
