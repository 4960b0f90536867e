"""A new site's time zone becomes the browser's with one click."""

from __future__ import annotations

import pytest
from pages import expect, visit


@pytest.fixture(scope="module")
def site(new_site):
    return new_site(TIMEZONE="")


def test_an_admin_sets_the_browsers_time_zone_with_one_click(new_device, session, site):
    page = new_device(storage_state=session, timezone_id="America/New_York").context.new_page()
    visit(page, "/admin/server")
    page.get_by_role("button", name="Use America/New_York").click()
    expect(page.locator("#zone")).to_contain_text("America/New_York")
    expect(page.locator("[data-own-zone]")).to_have_count(0)
