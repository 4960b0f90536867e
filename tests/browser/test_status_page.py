"""/status stays up to date, with scripts and without them."""

from __future__ import annotations

import pytest
from support.browser.pages import expect

RETRIES = "[data-promise=retries_absorbed] p"
PATIENCE_MS = 40_000
"""Retries are stored every 10 s, an answer is kept for 5 s, and the page asks every 5 s."""


@pytest.mark.long(proved_by="status/test_status.py::test_page_says_each_promise_in_words")
@pytest.mark.parametrize("has_scripts", [True, False])
def test_page_follows_what_is_measured(new_device, site, has_scripts):
    page = new_device(java_script_enabled=has_scripts).open("/status")
    expect(page.locator(RETRIES)).to_contain_text("Retries recognised", timeout=PATIENCE_MS)
    before = page.locator(RETRIES).inner_text()
    site.register("shifa", "1"), site.register("shifa", "1")
    expect(page.locator(RETRIES)).not_to_have_text(before, timeout=PATIENCE_MS)
    expect(page.locator("main")).to_contain_text("All promises kept")
