"""A second factor in a real browser: passkeys, and what remains of a lost phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyotp
import pytest
from support.members import PASSWORD, Member
from support.pages import check_accessible, expect, open_as, visit

SMALL: Any = {"locale": "bn-BD", "viewport": {"width": 360, "height": 740}}
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def log_in(page, member: Member, button: str) -> None:
    visit(page, "/login")
    page.fill("#email", member.email)
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name=button, exact=True).click()


@pytest.mark.long(proved_by="browser/test_second_factor.py::test_passkey_logs_in_alone_and_as_a_second_step")
def test_one_who_has_lost_the_phone_gets_back_in_by_a_recovery_code(new_device, site):
    """With a small phone, in Bangla."""
    member = Member(site)
    device = new_device(**SMALL, permissions=["clipboard-read", "clipboard-write"])
    page = open_as(device, member, "/account/second-factor/totp")
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
    page.get_by_role("link", name="আমি এগুলো রেখে দিয়েছি").click()
    page.locator(".person summary").click()
    page.get_by_role("button", name="লগ আউট").click()

    log_in(page, member, "লগ ইন")  # the phone is gone
    expect(page.get_by_role("heading", name="দ্বিতীয় ধাপ")).to_be_visible()
    is_accessible(page)
    page.fill("#code", codes[0].lower())
    page.get_by_role("button", name="লগ ইন").click()
    expect(page.locator(".person .who")).to_be_visible()


def is_accessible(page) -> None:
    """And it stays a small phone."""
    check_accessible(page)
    page.set_viewport_size(SMALL["viewport"])


def test_passkey_logs_in_alone_and_as_a_second_step(page, site):
    member = Member(site)
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    log_in(page, member, "Log in")
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

    log_in(page, member, "Log in")
    check_accessible(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator(".person .who")).to_be_visible()
