"""Components on the design page: by mouse, keyboard and touch, without scripts, in both themes."""

import pytest
from support.browser.pages import PHONE, check_accessible, expect, visit

long = pytest.mark.long(proved_by="browser/test_design.py::test_menus_open_close_and_move")

PATH = "/admin/design"


@pytest.fixture(scope="module")
def opened(admin_device):
    return admin_device.open(PATH)


@pytest.fixture
def design(admin_device, opened):
    """The design page. Tests share it, and leave it in its initial state with nothing open."""
    yield opened
    admin_device.check()


def light(page, section: str):
    """The half of a section that shows the light theme in English."""
    return page.locator(f"#{section} .half").first


def test_menus_open_close_and_move(design):
    menu = light(design, "menus").locator("details").first
    summary, items = menu.locator("summary"), menu.locator(".items :is(a, button)")
    summary.focus()
    for key, item in (("ArrowDown", items.first), ("ArrowUp", items.last), ("Home", items.first)):
        design.keyboard.press(key)
        expect(item).to_be_focused()
    design.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(summary).to_be_focused()
    summary.click()
    expect(items.first).to_be_visible()
    design.locator("h1").click()
    expect(items.first).to_be_hidden()


@long
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


@long
def test_combobox_is_searched_by_typing_and_sends_its_value(admin_tab):
    design = admin_tab
    visit(design, PATH)
    part = light(design, "filters")
    field = part.get_by_role("combobox", name="Location")
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


@long
def test_fingers_have_room_and_every_part_is_accessible(new_device, session):
    page = new_device(storage_state=session, **{**PHONE, "locale": "en-GB"}).open(PATH)
    targets = page.locator(".half :is(button, summary, input:not([type=checkbox], [type=radio]), select):visible").all()
    heights = [(target.inner_text(), box["height"]) for target in targets if (box := target.bounding_box())]
    assert [height for height in heights if height[1] < 44] == []
    menus = light(page, "menus")
    menus.locator("summary").first.tap()
    box = menus.locator(".items").first.bounding_box()
    assert 0 <= box["x"] <= 360 - box["width"]
    for menu in page.locator("details.menu summary").all():
        menu.evaluate("(summary) => { summary.parentElement.open = true }")
    check_accessible(page)
