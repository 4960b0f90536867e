"""A second factor in a real browser: an admin with a small phone, in Bangla, who loses it; and passkeys."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pyotp
import pytest
from support.pages import check_accessible, expect, visit
from support.redis import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

EMAIL, PASSWORD = "rani@example.com", "rickshaw at dawn"
PHONE = {"locale": "bn-BD", "viewport": {"width": 360, "height": 740}}
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def site(module_servers, module_sqlite_database):
    """With an admin of the site."""
    settings = {"PORT": free_port(), "ADMIN_EMAIL": EMAIL, "ADMIN_PASSWORD": PASSWORD}
    return module_servers(module_sqlite_database, **settings).start()


def log_in(page: Page, button: str, email: str = EMAIL) -> None:
    visit(page, "/login")
    page.fill("#email", email)
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name=button, exact=True).click()


def test_admin_who_has_lost_the_phone_gets_back_in_by_a_recovery_code(new_device, site):
    device = new_device(**PHONE, permissions=["clipboard-read", "clipboard-write"])
    page = device.context.new_page()
    log_in(page, "লগ ইন")

    page.locator(".person summary").click()
    page.locator(".person .items a").click()
    page.get_by_role("link", name="দুই ধাপে লগ ইন চালু করুন").click()
    page.get_by_role("link", name="চালু করুন", exact=True).click()
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="এগিয়ে যান").click()
    secret = page.locator(".secret").inner_text().replace(" ", "")
    expect(page.locator(".qr svg")).to_be_visible()
    is_accessible(page)
    page.fill("#code", pyotp.TOTP(secret).now())
    page.get_by_role("button", name="চালু করুন").click()

    codes = page.locator(".recovery-codes code").all_inner_texts()
    assert len(codes) == 10
    is_accessible(page)
    page.get_by_role("button", name="কপি").click()
    expect(page.get_by_role("button", name="কপি হয়েছে")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").split() == codes
    with page.expect_download() as download:
        page.get_by_role("link", name="ডাউনলোড").click()
    assert Path(download.value.path()).read_text().split() == codes
    expect(page.get_by_role("button", name="প্রিন্ট")).to_be_visible()
    page.get_by_role("link", name="আমি এগুলো রেখে দিয়েছি").click()
    is_accessible(page)
    page.locator(".person summary").click()
    page.get_by_role("button", name="লগ আউট").click()

    log_in(page, "লগ ইন")  # the phone is gone
    expect(page.get_by_role("heading", name="দ্বিতীয় ধাপ")).to_be_visible()
    assert [each["name"] for each in device.context.cookies() if "token" in each["name"]] == []
    is_accessible(page)
    page.fill("#code", "১২৩৪৫৬")
    page.get_by_role("button", name="লগ ইন").click()
    expect(page.get_by_text("কোডটি ভুল")).to_be_visible()
    page.fill("#code", codes[0].lower())
    page.get_by_role("button", name="লগ ইন").click()
    page.get_by_role("link", name="অ্যাডমিন").click()
    expect(page).to_have_url(re.compile("/admin/$"))
    visit(page, "/account/second-factor")
    expect(page.get_by_text("১০টির মধ্যে ৯টি")).to_be_visible()


def test_passkey_logs_in_alone_and_as_a_second_step(new_device, founder):
    page = new_device().context.new_page()
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    log_in(page, "Log in", founder.email)
    visit(page, "/account/second-factor")
    page.get_by_role("link", name="Add a passkey").click()
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.fill("#name", "This laptop")
    check_accessible(page)
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.locator(".recovery-codes code")).to_have_count(10)
    page.get_by_role("link", name="I have saved them").click()
    expect(page.get_by_text("This laptop")).to_be_visible()
    page.locator(".person summary").click()
    page.get_by_role("button", name="Log out").click()

    visit(page, "/login?next=/account/second-factor")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_text("Last used")).to_be_visible()
    page.locator(".person summary").click()
    page.get_by_role("button", name="Log out").click()

    log_in(page, "Log in", founder.email)
    check_accessible(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator(".person .who")).to_be_visible()


def is_accessible(page: Page) -> None:
    """And it stays a small phone."""
    size = page.viewport_size
    check_accessible(page)
    page.set_viewport_size(size)
