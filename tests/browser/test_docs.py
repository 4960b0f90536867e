"""The interactive API page."""

import pytest
from support.browser.pages import expect, visit

RESOLVED_MS = 60_000
"""Swagger UI resolves the whole description before it draws a call, which takes 3 s of CPU time."""

CALL = "/api/stats"


def execute(page, status: str, text: str) -> None:
    page.get_by_role("button", name="Try it out").click(timeout=RESOLVED_MS)
    page.get_by_role("button", name="Execute").click()
    response = page.locator(".live-responses-table .response")
    expect(response.locator(".response-col_status")).to_contain_text(status)
    expect(response.locator(".response-col_description")).to_contain_text(text)


def describe_one(route) -> None:
    """Reduce the API description to a single call."""
    description = route.fetch().json()
    route.fulfill(json={**description, "paths": {CALL: description["paths"][CALL]}})


def test_call_is_opened_by_its_address_and_made(page):
    page.route("**/openapi.json", describe_one)
    visit(page, "/docs/try#/visits/api_stats")
    expect(page.locator("#operations-visits-api_stats")).to_be_visible(timeout=RESOLVED_MS)
    expect(page.locator(".info")).to_contain_text("These three calls need no login")
    execute(page, "200", "totalVisitors")


@pytest.mark.long(proved_by="integrations/api_keys/test_key_scopes.py::test_key_makes_only_the_calls_of_its_scope")
def test_key_can_be_tried_there(page, site):
    key = site.koyjabo("key", "create", "Docs", "--scope", "reports:read").stdout.strip()
    visit(page, "/docs#/reports/api_report_summary")
    expect(page.locator("#operations-reports-api_report_summary")).to_be_visible(timeout=RESOLVED_MS)
    page.get_by_role("button", name="Authorize").first.click(timeout=RESOLVED_MS)
    dialog = page.locator(".auth-container").filter(has_text="an API key")
    dialog.get_by_role("textbox").fill(key)
    dialog.get_by_role("button", name="Apply credentials").click()
    page.locator(".btn-done").first.click()
    execute(page, "200", "page_views")
