"""The description of the API, as people look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.pages import check_accessible, expect, visit

if TYPE_CHECKING:
    from playwright.sync_api import Page

CALL = "[data-call]:visible"
MOST_BYTES = 150_000
RESOLVED_MS = 60_000
"""Swagger UI resolves the whole description before it draws a call: 3 s of a processor that others use, too."""
TRANSFERRED = """
() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .reduce((sum, { transferSize }) => sum + transferSize, 0)
"""


def test_calls_are_found_by_words_opened_by_their_address_and_cheap(page: Page, site):
    visit(page, "/docs#api_stats")
    expect(page.locator("#api_stats")).to_be_visible()
    expect(page.locator("#api_stats pre").first).to_have_text(f"curl http://localhost:{site.port}/api/stats")
    assert page.evaluate(TRANSFERRED) < MOST_BYTES
    everything = page.locator(CALL).count()
    page.get_by_label("Search the calls").fill("heartbeat POST")
    expect(page.locator(CALL)).to_have_count(1)
    expect(page.locator("[data-many]")).to_have_text("1 call")
    expect(page.locator(CALL)).to_contain_text("/api/visitor/heartbeat")
    page.get_by_label("Search the calls").fill("")
    expect(page.locator(CALL)).to_have_count(everything)


@pytest.mark.parametrize("locale", ["bn-BD", pytest.param("en-GB", marks=pytest.mark.long)])
def test_page_is_accessible(new_device, locale):
    page = new_device(locale=locale).open("/docs#api_register_visit")
    check_accessible(page)


def test_calls_are_there_without_scripts(new_device):
    page = new_device(java_script_enabled=False).open("/docs")
    expect(page.get_by_label("Search the calls")).to_be_hidden()
    page.get_by_text("/api/stats", exact=True).click()
    expect(page.locator("#api_stats")).to_be_visible()


def test_those_who_want_to_try_a_call_can(page: Page, site):
    visit(page, "/docs#api_stats")
    page.locator("#api_stats").get_by_role("link", name="Try it").click()
    expect(page.locator("#operations-visits-api_stats")).to_be_visible(timeout=RESOLVED_MS)
    page.get_by_role("button", name="Try it out").click(timeout=RESOLVED_MS)
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .response .response-col_status")).to_contain_text("200")
    expect(page.locator(".live-responses-table .response .response-col_description")).to_contain_text("totalVisitors")
