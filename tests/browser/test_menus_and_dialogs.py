"""Menus and dialogs by mouse, keyboard and touch."""

from pages import expect, visit


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
