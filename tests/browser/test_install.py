"""/install: it can be used by everyone, copies, and says when a visit comes."""

from __future__ import annotations

import pytest
from support.pages import check_accessible, expect, visit

WIDTHS = (320, 768, 1440)


@pytest.mark.parametrize("locale", ["en-US", "bn-BD"])
def test_page_can_be_used_by_everyone(new_device, locale):
    page = new_device(locale=locale).open("/install")
    check_accessible(page)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{width} px: {over} px hang over the edge"


@pytest.mark.parametrize("query", ["lang=en&theme=light", "lang=bn&theme=dark"])
def test_frame_can_be_used_by_everyone(page, query):
    visit(page, f"/embed?value=total&{query}")
    check_accessible(page)


def test_snippets_are_copied(new_device):
    page = new_device(permissions=["clipboard-read", "clipboard-write"]).open("/install")
    button = page.locator("#element-label ~ .snippet [data-copy]")
    button.click()
    expect(button).to_have_attribute("aria-label", "Copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith("<koyjabo-count")


def test_line_turns_when_a_visit_comes(page, site):
    visit(page, "/install")
    line = page.locator("[data-waiting]")
    expect(line).to_contain_text("Waiting for the")
    total = site.register("somebody").stats.total
    expect(line).to_have_attribute("data-kind", "good")
    expect(line).to_have_text(
        [f"Visit no. {total:,} has just been counted.", "The first visit is counted."][total == 4001]
    )


def test_without_scripts_a_link_looks_again(new_device, site):
    page = new_device(java_script_enabled=False).open("/install")
    expect(page.locator("[data-waiting]")).to_contain_text("Waiting for the")
    for number in range(2):
        total = site.register(f"looking{number}").stats.total
        page.get_by_role("link", name="Look again").click()
        expect(page.locator("[data-waiting]")).to_contain_text(f"{total:,} visits so far.")
    expect(page.locator("[data-copy]").first).to_be_hidden()
