"""The description of the API, as people look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.pages import expect, visit

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_docs_show_the_calls_and_make_them(page: Page, site):
    visit(page, "/docs")
    expect(page.get_by_role("heading", name="Koy Jabo Live")).to_be_visible()
    page.locator("#operations-visits-api_stats .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .response .response-col_status")).to_contain_text("200")
    expect(page.locator(".live-responses-table .response .response-col_description")).to_contain_text("totalVisitors")
