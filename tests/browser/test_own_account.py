"""One's own account on a small phone, in Bangla: another name, the file of one's data, and the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.pages import check_accessible, expect, visit
from support.redis import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

EMAIL, PASSWORD = "ayesha@example.com", "rickshaw at dawn"
PHONE = {"locale": "bn-BD", "viewport": {"width": 360, "height": 740}}


@pytest.fixture
def site(new_server, sqlite_database):
    return new_server(sqlite_database, PORT=free_port()).start()


def test_account_is_changed_exported_and_deleted(new_device, site):
    page = new_device(**PHONE).context.new_page()
    visit(page, "/signup")
    page.fill("#name", "আয়েশা")
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="অ্যাকাউন্ট খুলুন").click()

    page.locator(".person summary").click()
    page.locator(".person .items a").click()
    page.get_by_role("link", name="তথ্য বদলান").click()
    is_accessible(page)
    page.fill("#name", "আয়েশা সিদ্দিকা")
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="সংরক্ষণ").click()
    expect(page.locator(".person .who")).to_have_text("আয়েশা সিদ্দিকা")
    is_accessible(page)

    with page.expect_download() as download:
        page.get_by_role("link", name="আপনার তথ্য ডাউনলোড করুন").click()
    found = json.loads(Path(download.value.path()).read_text())
    assert found["account"]["name"] == "আয়েশা সিদ্দিকা"
    assert download.value.suggested_filename.startswith("koyjabo-account-")

    page.get_by_role("link", name="আপনার অ্যাকাউন্ট মুছে ফেলুন").click()
    is_accessible(page)
    page.fill("#password", PASSWORD)
    page.fill("#confirmation", "someone@example.com")
    page.get_by_role("button", name="অ্যাকাউন্ট মুছে ফেলুন").click()
    expect(page.locator("#confirmation-error")).to_have_text("আপনার অ্যাকাউন্টের ইমেইলটি লিখুন")
    is_accessible(page)
    page.fill("#password", PASSWORD)
    page.fill("#confirmation", EMAIL)
    page.get_by_role("button", name="অ্যাকাউন্ট মুছে ফেলুন").click()
    expect(page.get_by_text("আপনার অ্যাকাউন্ট মুছে ফেলা হয়েছে।")).to_be_visible()
    expect(page.get_by_role("link", name="লগ ইন")).to_be_visible()


def is_accessible(page: Page) -> None:
    """And it stays a small phone."""
    size = page.viewport_size
    check_accessible(page)
    page.set_viewport_size(size)
