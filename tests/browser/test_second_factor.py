"""Two-step login in a real browser: a passkey, and recovery codes after it is lost."""

from pathlib import Path

from support.browser.pages import check_accessible, expect, visit
from support.clients.members import PASSWORD, Member

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def log_in(page, member: Member) -> None:
    visit(page, "/login")
    page.fill("#email", member.email)
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def test_passkey_replaces_the_password_or_confirms_a_two_step_login(new_device, site):
    member, page = Member(site), new_device(permissions=["clipboard-read", "clipboard-write"]).context.new_page()
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    log_in(page, member)
    visit(page, "/account/second-factor")
    page.get_by_role("link", name="Add a passkey").click()
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.fill("#name", "This laptop")
    check_accessible(page)
    page.get_by_role("button", name="Create the passkey").click()
    expect(page.locator(".recovery-codes code")).to_have_count(10)
    codes = page.locator(".recovery-codes code").all_inner_texts()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").split() == codes
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_text().split() == codes
    page.get_by_role("link", name="I have saved them").click()
    expect(page.get_by_role("heading", name="This laptop")).to_be_visible()
    page.locator(".person summary").click()
    page.get_by_role("button", name="Log out").click()

    visit(page, "/login?next=/account/second-factor")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_text("Last used")).to_be_visible()
    page.locator(".person summary").click()
    page.get_by_role("button", name="Log out").click()

    log_in(page, member)
    check_accessible(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator(".person .who")).to_be_visible()
