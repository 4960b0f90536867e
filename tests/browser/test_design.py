"""The parts of pages, on the page that shows them: by mouse, keyboard and touch, without scripts, in both themes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from support.pages import Device, check_accessible, expect, kept_login, visit
from support.redis import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, StorageState

EMAIL, PASSWORD = "rani@example.com", "rickshaw at dawn"
PATH = "/admin/design"
BACKGROUND = "(element) => getComputedStyle(element).backgroundColor"


@pytest.fixture(scope="module")
def site(module_servers, module_sqlite_database):
    return module_servers(module_sqlite_database, PORT=free_port(), ADMIN_EMAIL=EMAIL, ADMIN_PASSWORD=PASSWORD).start()


@pytest.fixture(scope="module")
def session(browser, site) -> StorageState:
    return kept_login(browser, site.port, EMAIL, PASSWORD)


@pytest.fixture(scope="module")
def shared_device(new_shared_device, session) -> Device:
    return new_shared_device(storage_state=session, permissions=["clipboard-read", "clipboard-write"])


@pytest.fixture(scope="module")
def opened(shared_device) -> Page:
    return shared_device.open(PATH)


@pytest.fixture
def design(shared_device, opened) -> Iterator[Page]:
    """Shared by tests that leave it as it was, with nothing open."""
    yield opened
    shared_device.check()


def light(page: Page, section: str) -> Locator:
    """The half of a section in the light theme, which is in English here."""
    return page.locator(f"#{section} .half").first


def test_every_part_is_accessible_in_both_themes_and_languages(tab):
    design = tab
    visit(design, PATH)
    halves = design.locator("#colours .half")
    backgrounds = [halves.nth(at).evaluate(BACKGROUND) for at in (0, 1)]
    assert backgrounds == ["rgb(246, 248, 247)", "rgb(14, 19, 17)"]
    assert [halves.nth(at).get_attribute("lang") for at in (0, 1)] == ["en", "bn"]
    assert design.locator("#text .half").nth(1).inner_text().startswith("text-6\n২২,২৩৯")
    for menu in design.locator("details.menu summary").all():
        menu.evaluate("(summary) => { summary.parentElement.open = true }")
    check_accessible(design)


def test_menus_open_close_and_move_by_keyboard_and_mouse(design):
    menu = light(design, "menus").locator("details").first
    summary, items = menu.locator("summary"), menu.locator(".items :is(a, button)")
    summary.focus()
    design.keyboard.press("ArrowDown")
    expect(items.first).to_be_focused()
    design.keyboard.press("ArrowUp")
    expect(items.last).to_be_focused()
    design.keyboard.press("Home")
    expect(items.first).to_be_focused()
    design.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(summary).to_be_focused()
    summary.click()
    expect(items.first).to_be_visible()
    design.locator("h1").click()
    expect(items.first).to_be_hidden()


def test_tooltips_show_on_focus_and_close_by_escape(design):
    tip = light(design, "menus").locator(".tooltip")
    tip.locator("button").focus()
    expect(tip.locator("span")).to_be_visible()
    design.keyboard.press("Escape")
    expect(tip.locator("span")).to_be_hidden()


def test_copy_button_copies_and_says_so(design):
    button = light(design, "menus").locator("[data-copy]")
    button.click()
    expect(button).to_have_accessible_name("Copied")
    assert design.evaluate("navigator.clipboard.readText()") == "visitor_1795275450567_lekne1xjj"


@pytest.mark.parametrize(("opener", "name"), [("Remove", "question"), ("Details", "details")])
def test_dialogs_and_sheets_take_the_focus_and_give_it_back(design, opener, name):
    button = light(design, "dialogs").get_by_role("button", name=opener, exact=True).first
    dialog = design.locator(f"#{name}-light")
    button.click()
    expect(dialog).to_be_visible()
    assert dialog.evaluate("(dialog) => dialog.matches(':modal') && dialog.contains(document.activeElement)")
    design.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()
    button.press("Enter")
    dialog.locator("[data-close]").first.click()
    expect(dialog).to_be_hidden()


def test_toast_is_announced_and_takes_an_action_back(design):
    light(design, "dialogs").get_by_role("button", name="Change role").click()
    toasts = design.get_by_role("status").locator(".toast")
    expect(toasts).to_contain_text("The role was changed.")
    toasts.get_by_role("button", name="Undo").click()
    expect(toasts).to_have_count(1)
    toasts.get_by_role("button", name="Close").click()
    expect(toasts).to_have_count(0)


def test_combobox_is_searched_by_typing_and_sends_its_value(tab):
    design = tab
    visit(design, PATH)
    part = light(design, "filters")
    field = part.get_by_role("combobox", name="Place")
    expect(field).to_have_value("Dhaka")
    field.fill("SYL")
    expect(part.get_by_role("option")).to_have_text(["Sylhet7"])
    field.press("Enter")
    expect(field).to_have_value("Sylhet")
    field.press("ArrowDown")
    field.press("ArrowDown")
    field.press("ArrowDown")
    expect(field).to_have_attribute("aria-activedescendant", "place-light-choices-1")
    field.press("Escape")
    expect(field).to_have_value("Sylhet")
    field.fill("nowhere")
    expect(part.get_by_text("Nothing found.")).to_be_visible()
    part.get_by_role("button", name="Search").click()
    assert "place=Sylhet" in design.url


def test_segments_are_one_choice_by_arrow_keys(design):
    part = light(design, "navigation")
    part.get_by_role("radio", name="People").focus()
    design.keyboard.press("ArrowRight")
    expect(part.get_by_role("radio", name="Bots")).to_be_checked()


def test_fingers_have_room_and_the_current_tab_is_in_view(new_device, session):
    phone = {"has_touch": True, "is_mobile": True, "viewport": {"width": 360, "height": 740}}
    page = new_device(storage_state=session, **phone).open(PATH)
    targets = page.locator(".half :is(button, summary, input:not([type=checkbox], [type=radio]), select):visible").all()
    heights = [(each.inner_text(), box["height"]) for each in targets if (box := each.bounding_box())]
    assert [found for found in heights if found[1] < 44] == []
    summary = light(page, "menus").locator("summary").first
    summary.tap()
    box = light(page, "menus").locator(".items").first.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360


def test_parts_work_without_scripts(new_device, session):
    page = new_device(storage_state=session, java_script_enabled=False).open(PATH)
    menus = light(page, "menus")
    menus.locator("summary").first.click()
    expect(menus.get_by_role("link", name="Your account")).to_be_visible()
    expect(menus.locator("[data-copy]")).to_be_hidden()
    light(page, "dialogs").get_by_role("button", name="Details").click()
    expect(page.locator("#details-light")).to_be_visible()
    page.locator("#details-light [data-close]").click()
    expect(page.locator("#details-light")).to_be_hidden()
    light(page, "filters").get_by_label("Place").select_option("Khulna")
    light(page, "filters").get_by_role("button", name="Search").click()
    assert "place=Khulna" in page.url


def test_theme_is_chosen_without_scripts_and_kept(new_device):
    page = new_device(java_script_enabled=False).open("/login")
    before = page.evaluate(f"({BACKGROUND})(document.documentElement)")
    page.get_by_role("button", name="Dark theme").click()
    assert page.url.endswith("/login")
    assert page.evaluate(f"({BACKGROUND})(document.documentElement)") == "rgb(14, 19, 17)" != before
    page.reload()
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-current", "true")
