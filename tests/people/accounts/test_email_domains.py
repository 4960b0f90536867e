"""An address at a domain in any script: which account it finds."""

import pytest
from support.application.site import assert_error
from support.people.accounts import bare, log_in, send, sign_up

SHARP, DOUBLE = "ayesha@faß.example", "ayesha@fass.example"


def test_two_domains_are_two_accounts(site):
    first, second = sign_up(site, email=SHARP), sign_up(site, email=DOUBLE)
    assert first.id != second.id
    for spelling in (SHARP, "AYESHA@FAẞ.EXAMPLE", "ayesha@xn--fa-hia.example", "ayesha@XN--FA-HIA.example"):
        assert log_in(site, email=spelling).id == first.id, spelling
    assert log_in(site, email="ayesha@FASS.example").id == second.id


@pytest.mark.parametrize(
    ("email", "in_ascii"),
    [
        ("rahim@উদাহরণ.example", "rahim@xn--d5b6ci4b4b3a.example"),
        ("rahim@हिन्दी.भारत", "rahim@xn--j2bd4cyah0f.xn--h2brj9c"),
        ("rahim@ไทย.example", "rahim@xn--o3cw4h.example"),
        ("rahim@ශ්‍රී.example", "rahim@xn--10cl1a0b660p.example"),  # with a joiner
        ("rahim@ΒΌΛΟΣ.example", "rahim@xn--nxasmq6b.example"),  # one capital letter has two small ones
        ("rahim@例え。テスト", "rahim@xn--r8jz45g.xn--zckzah"),
    ],
)
def test_domain_in_any_script_is_one_account_in_both_forms(site, email, in_ascii):
    person = sign_up(site, email=email)
    assert person.get("/api/auth/me").json["email"] == email
    assert log_in(site, email=in_ascii).id == person.id
    assert_error(send(bare(site), "/api/auth/signup", {"email": in_ascii, "password": "12345678"}), 409, "email_taken")
