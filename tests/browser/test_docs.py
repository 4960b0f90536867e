"""The description of the API, as people look at it."""

from __future__ import annotations

import pytest
from support.browser.pages import expect, visit

CALL = "[data-call]:visible"
MOST_BYTES = 150_000
RESOLVED_MS = 60_000
"""Swagger UI resolves the whole description before it draws a call: 3 s of a processor that others use, too."""
TRANSFERRED = """
() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .reduce((sum, { transferSize }) => sum + transferSize, 0)
"""


def test_calls_are_found_by_words_opened_by_their_address_and_cheap(page, site):
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


@pytest.mark.long(proved_by="browser/test_docs.py::test_calls_are_found_by_words_opened_by_their_address_and_cheap")
def test_those_who_want_to_try_a_call_can(page, site):
    visit(page, "/docs#api_stats")
    page.locator("#api_stats").get_by_role("link", name="Try it").click()
    expect(page.locator("#operations-visits-api_stats")).to_be_visible(timeout=RESOLVED_MS)
    page.get_by_role("button", name="Try it out").click(timeout=RESOLVED_MS)
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .response .response-col_status")).to_contain_text("200")
    expect(page.locator(".live-responses-table .response .response-col_description")).to_contain_text("totalVisitors")


@pytest.mark.long(proved_by="api_keys/test_key_scopes.py::test_key_makes_the_calls_of_its_scope_alone")
def test_key_can_be_tried_there(page, site):
    key = site.koyjabo("key", "create", "Docs", "--scope", "reports:read").stdout.strip()
    visit(page, "/docs/try#/reports/api_report_summary")
    expect(page.locator("#operations-reports-api_report_summary")).to_be_visible(timeout=RESOLVED_MS)
    page.get_by_role("button", name="Authorize").first.click(timeout=RESOLVED_MS)
    dialog = page.locator(".auth-container").filter(has_text="an API key")
    dialog.get_by_role("textbox").fill(key)
    dialog.get_by_role("button", name="Apply credentials").click()
    page.locator(".btn-done").first.click()
    page.get_by_role("button", name="Try it out").click(timeout=RESOLVED_MS)
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .response .response-col_status")).to_contain_text("200")
    expect(page.locator(".live-responses-table .response .response-col_description")).to_contain_text("page_views")
