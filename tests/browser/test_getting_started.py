"""Getting started in front of an admin: the line is copied into a page of another site, and Overview sees it count."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from support.browser.pages import expect, visit

pytestmark = pytest.mark.long(
    proved_by="getting_started/test_steps.py::test_each_step_is_done_when_it_is_and_then_it_can_be_closed"
)

STEPS = ("site", "page", "mail", "second_factor", "person", "backups")


@pytest.fixture(scope="module")
def site(new_site):
    """Without a visit yet."""
    return new_site()


def test_step_is_ticked_when_the_copied_line_counts_elsewhere(new_device, session, site, other_site):
    device = new_device(storage_state=session, permissions=["clipboard-read", "clipboard-write"])
    page = device.context.new_page()
    visit(page, "/admin/")
    assert site.stats().total == 4000
    page.get_by_label("Total of the other counter").fill("5000")
    step = page.locator("#step-page")
    step.locator("summary").click()
    step.locator("[data-copy]").click()
    line = page.evaluate("navigator.clipboard.readText()")
    other = new_device().context.new_page()
    other.goto(other_site)
    other.set_content(line)
    expect(step.get_by_role("status")).to_have_text(f"Seen on {urlsplit(other_site).netloc}.")
    expect(page.locator("#step-all > summary")).to_contain_text("1 of 6 done")
    expect(step.get_by_text("Skip")).to_have_count(0)
    expect(step.locator("summary")).to_be_focused()
    expect(page.get_by_label("Total of the other counter")).to_have_value("5000")


def test_all_steps_are_skipped_and_brought_back_without_scripts(new_device, session, site):
    page = new_device(storage_state=session, java_script_enabled=False).open("/admin/")
    for step in STEPS:
        if page.locator(f"#step-{step}").get_attribute("data-state") == "open":
            page.get_by_role("button", name="Skip").first.click()
    expect(page.get_by_role("heading", name="All set")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#step-all")).to_have_count(0)
    page.get_by_role("link", name="Server").click()
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Getting started").click()
    page.locator("#step-mail summary").click()
    page.locator("#step-mail").get_by_role("button", name="Do not skip").click()
    expect(page.locator("#step-mail")).to_have_attribute("data-state", "open")
    page.get_by_role("button", name="Show on Overview again").click()
    expect(page.locator("#step-mail")).to_be_visible()
