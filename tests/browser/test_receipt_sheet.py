"""A total links to its receipt: with scripts in a sheet next to it, without them on a separate page."""

from __future__ import annotations

import pytest
from support.browser.pages import expect

QUESTION = "Is this number right?"


def test_a_total_opens_its_receipt_which_stays_right(new_device, site):
    page = new_device(viewport={"width": 320, "height": 640}).open("/")
    link = page.get_by_role("link", name=QUESTION)
    link.focus()
    page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog", name=QUESTION)
    total = sheet.locator("tfoot td")
    expect(sheet.locator("tbody")).to_contain_text("Continued from the older counter")
    site.register("shifa", "receipt")
    expect(total).to_have_text(f"{site.stats().total:,}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(link).to_be_focused()


@pytest.mark.long(
    proved_by="site/receipts/test_receipts.py::test_only_the_panel_says_who_and_why_and_viewers_see_no_email"
)
def test_receipt_is_a_page_without_scripts(new_device, site):
    page = new_device(java_script_enabled=False).open("/")
    page.get_by_role("link", name=QUESTION).click()
    expect(page.locator("h1")).to_have_text(QUESTION)
    expect(page.locator("tfoot td")).to_have_text(f"{site.stats().total:,}")


@pytest.mark.long(proved_by="browser/test_receipt_sheet.py::test_a_total_opens_its_receipt_which_stays_right")
def test_overview_shows_it_with_names(new_device, session):
    page = new_device(storage_state=session).open("/admin/")
    page.get_by_title(QUESTION).click()
    sheet = page.get_by_role("dialog", name=QUESTION)
    expect(sheet.get_by_role("link", name="no. ").first).to_be_visible()
