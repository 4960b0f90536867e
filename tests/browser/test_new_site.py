"""An admin's first run: they copy the line into a page of another site, and Overview shows its visit."""

from urllib.parse import urlsplit

import pytest
from support.browser.pages import expect, visit

pytestmark = pytest.mark.long(
    proved_by="site/getting_started/test_first_run.py::test_a_new_site_shows_the_line_to_paste_and_then_its_first_visit"
)


@pytest.fixture(scope="module")
def site(new_site):
    """A site without visits."""
    return new_site()


def test_copied_line_counts_elsewhere_and_its_visit_unfolds_the_page(new_device, session, site, other_site):
    device = new_device(storage_state=session, permissions=["clipboard-read", "clipboard-write"])
    page = device.context.new_page()
    visit(page, "/admin/")
    expect(page.locator("#first-page")).to_contain_text("Waiting for a visit from your site…")
    expect(page.locator("[data-stat=totalVisits]")).to_have_text("4,000")
    page.locator("[data-copy]").click()
    line = page.evaluate("navigator.clipboard.readText()")
    other = new_device().context.new_page()
    other.goto(other_site)
    other.set_content(line)
    host = urlsplit(other_site).netloc
    expect(page.locator("#first-page")).to_have_text(f"It works: visit no. 4,001 came from {host}.")
    expect(page.locator("[data-stat=totalVisits]")).to_have_text("4,001")
    expect(page.locator("[data-first-day] [data-board]")).to_have_text("4,001")
