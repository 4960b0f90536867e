"""Menus and dialogs by mouse, keyboard and touch."""

import pytest
from support.browser.pages import expect, visit

long = pytest.mark.long(proved_by="browser/test_menus_and_dialogs.py::test_menus_open_close_and_move")


def test_menus_open_close_and_move(admin_tab):
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


@long
def test_dialogs_take_the_focus_and_give_it_back(site, admin_tab):
    page = admin_tab
    visit(page, site.post("/api/visitor/register", json={"visitorId": "ayesha"}).json()["visit"]["share"])
    opener, dialog = page.get_by_role("button", name="Share this number"), page.locator("#sharing")
    opener.click()
    expect(dialog).to_be_visible()
    assert dialog.evaluate("(dialog) => dialog.matches(':modal') && dialog.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    opener.press("Enter")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
