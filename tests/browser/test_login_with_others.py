"""Login with an OpenID provider in a real browser with a real provider: the button, the way there and back."""

from collections.abc import Iterator

import pytest
from support.browser.pages import PHONE, check_accessible, expect, visit
from support.clients.members import PASSWORD, Member
from support.servers.openid_provider import OpenidProvider
from support.servers.server import Server

pytestmark = pytest.mark.long(
    proved_by="people/accounts/oidc/test_provider_login.py::test_first_login_makes_an_account_and_the_next_is_the_same"
)
LABEL = "প্রতিষ্ঠানের অ্যাকাউন্ট দিয়ে ঢোকার জায়গা ঢাকা"


@pytest.fixture(scope="module")
def office() -> Iterator[OpenidProvider]:
    with OpenidProvider() as provider:
        yield provider


@pytest.fixture(scope="module")
def site(new_site, office) -> Server:
    return new_site(OIDC_PROVIDERS="office", OIDC_SIGNUP="1", **office.settings("office", NAME=LABEL))


def approve(page, subject: str) -> None:
    """Approve the login on the provider's page."""
    page.fill("input[name=sub]", subject)
    page.get_by_role("button", name="Authorize").click()


def test_button_leads_to_the_provider_and_back_logged_in(new_device, office):
    office.know("b1", email="ayesha@work.example", email_verified=True, name="Ayesha Rahman")
    page = new_device(**PHONE).context.new_page()
    page.route("https://**", lambda route: route.abort())  # the provider's page uses a style sheet from another host
    for path in ("/signup", "/login?next=/account"):
        visit(page, path)
        check_accessible(page)
    page.get_by_role("link", name=LABEL).click()
    approve(page, "b1")
    page.wait_for_url("**/account")
    check_accessible(page)
    expect(page.get_by_text("ayesha@work.example")).to_be_visible()
    expect(page.locator("#new_password")).to_be_visible()
    expect(page.locator("#current_password")).to_have_count(0)


def test_account_is_connected_without_scripts(new_device, office, site):
    member, page = Member(site), new_device(java_script_enabled=False).open("/login")
    page.fill("#email", member.email)
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    visit(page, "/account")
    page.get_by_role("link", name=f"Connect your account with {LABEL}").click()
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("link", name=f"Continue with {LABEL}").click()
    approve(page, "b2")
    expect(page.get_by_text(f"Your account is connected to {LABEL}.")).to_be_visible()
    page.get_by_role("link", name=f"Disconnect your account from {LABEL}").click()
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text(f"Your account is no longer connected to {LABEL}.")).to_be_visible()
