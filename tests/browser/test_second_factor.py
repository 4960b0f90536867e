"""Two-step login in a real browser: an authenticator app and its recovery codes."""

from pathlib import Path

import pyotp
from pages import expect, visit
from support.clients.members import PASSWORD, Member


def log_in(page, member: Member) -> None:
    visit(page, "/login")
    page.fill("#email", member.email)
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.locator("#password")).to_have_count(0)


def test_a_user_sets_up_an_authenticator_app_and_logs_in_with_a_recovery_code(new_device, site):
    member, page = Member(site), new_device(permissions=["clipboard-read", "clipboard-write"]).context.new_page()
    log_in(page, member)
    visit(page, "/account/second-factor")
    page.get_by_role("link", name="Turn on").click()
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Continue").click()
    secret = page.locator("a[href^='otpauth:']").get_attribute("href").partition("secret=")[2].partition("&")[0]
    page.fill("#code", pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator(".recovery-codes code")).to_have_count(10)
    codes = page.locator(".recovery-codes code").all_inner_texts()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").split() == codes
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_text().split() == codes
    page.get_by_role("link", name="I have saved them").click()
    page.locator(".person summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.locator(".person summary")).to_have_count(0)

    log_in(page, member)
    page.fill("#code", codes[0])
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.locator(".person .who")).to_be_visible()
