"""Login with an OpenID provider: who may log in, and to what account."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from support.application.site import Site
from support.people.accounts import PASSWORD, log_in as log_in_by_api
from support.people.page_readers import Reader, words
from support.people.provider_logins import begin, end, log_in
from support.people.second_factor import turn_on

HERE_IN_TESTS = "people/accounts/oidc/test_provider_login.py"


def who(reader: Reader) -> str:
    return words(reader.get("/account"))


def changed(site: Site, **settings: str) -> Site:
    return Site(site.database_url, **{**site.settings, **settings})


def log_of(site: Site, count: int) -> list[tuple]:
    lines = site.rows(f"SELECT action, actor, details FROM audit_log ORDER BY id DESC LIMIT {count}")
    return [(action, actor, json.loads(details).get("provider")) for action, actor, details in reversed(lines)]


def test_first_login_makes_an_account_and_the_next_is_the_same(site, work):
    work.know("w1", email="ayesha@work.example", email_verified=True, name="Ayesha Rahman")
    ayesha = Reader(site)
    assert "Continue with The Office" in words(ayesha.get("/login"))
    end(ayesha, work.approve(begin(ayesha, next='/account?of="ঢ;,'), "w1"))
    assert ayesha.location == "/account?of=%22%E0%A6%A2;,"
    shown = ("Ayesha Rahman", "ayesha@work.example Confirmed", "The Office Connected", "Set a password")
    assert [user for user in shown if user not in who(ayesha)] == []
    assert log_of(site, 2) == [("user.sign_up", "Ayesha Rahman", "work"), ("session.begin", "Ayesha Rahman", "work")]

    work.know("w1", email="another@work.example")
    assert "ayesha@work.example" in who(log_in(site, work, "w1"))


def test_request_for_a_code_has_what_the_protocol_wants(site, work):
    url = begin(Reader(site))
    asked = {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}
    for name in ("state", "nonce", "code_challenge"):
        assert re.fullmatch(r"[\w-]{43}", asked.pop(name))
    assert url.startswith(f"{work.issuer}/oauth2/authorize?")
    assert asked == {
        "response_type": "code",
        "client_id": "koyjabo-at-work",
        "redirect_uri": "http://localhost/auth/oidc/work/callback",
        "scope": "openid email profile",
        "code_challenge_method": "S256",
    }


@pytest.mark.long(proved_by=f"{HERE_IN_TESTS}::test_request_for_a_code_has_what_the_protocol_wants")
def test_way_back_is_below_the_public_url(site, work):
    with changed(site, PUBLIC_URL="https://live.example.com") as public:
        (back,) = parse_qs(urlsplit(begin(Reader(public))).query)["redirect_uri"]
    assert back == "https://live.example.com/auth/oidc/work/callback"


def test_login_leads_to_no_other_host(site, work):
    work.know("w2", email="babul@work.example")
    for path in ("https://evil.example/", "//evil.example"):
        reader = Reader(site)
        end(reader, work.approve(begin(reader, next=path), "w2"))
        assert reader.location == "/"


def test_email_of_another_account_does_not_log_in(site, work):
    Reader(site).sign_up("chitra")
    for verified in (True, False):
        work.know(f"w3-{verified}", email="Chitra@Example.com", email_verified=verified)
        refused = log_in(site, work, f"w3-{verified}", status=422)
        assert "An account with your email already exists." in words(refused.page)
        assert refused.csrf == ""
    assert site.rows("SELECT count(*) FROM oidc_identities WHERE subject LIKE 'w3%'") == [(0,)]


@pytest.mark.long(proved_by=f"{HERE_IN_TESTS}::test_email_from_userinfo_must_be_about_the_same_user")
def test_account_needs_an_email_and_confirms_only_what_the_provider_knows(site, work):
    work.know("w4", email="no email")
    assert "did not include an email" in words(log_in(site, work, "w4", status=422).page)
    work.know("w5", email="dola@work.example", email_verified=False)
    assert "dola@work.example Not confirmed" in who(log_in(site, work, "w5"))


def test_email_from_userinfo_must_be_about_the_same_user(site, work):
    work.know("w14", email="mitu@work.example", email_verified=True)
    work.claims, work.userinfo = {"email": None, "email_verified": None}, {"sub": "another"}
    assert "did not include an email" in words(log_in(site, work, "w14", status=422).page)
    work.userinfo = {"iss": "http://127.0.0.1:1", "nonce": "x"}
    assert "mitu@work.example Confirmed" in who(log_in(site, work, "w14"))


def test_sign_up_with_a_provider_needs_the_setting(site, work):
    work.know("w6", email="elora@work.example", email_verified=True)
    with changed(site, OIDC_SIGNUP="0") as closed:
        refused = log_in(closed, work, "w6", status=422)
        assert "No account here is connected to this login." in words(refused.page)
        assert "Continue with" not in words(Reader(closed).get("/signup"))
    assert site.rows("SELECT count(*) FROM users WHERE email = 'elora@work.example'") == [(0,)]


def test_disabled_account_stays_out(site, work):
    work.know("w7", email="farid@work.example")
    log_in(site, work, "w7")
    site.rows("UPDATE users SET disabled_ms = 1 WHERE email = 'farid@work.example'")
    assert "This account is disabled." in words(log_in(site, work, "w7", status=422).page)


def test_cookie_has_a_size_that_browsers_keep(site):
    for path in ("/" + "ঢ" * 299, "/" + "ঢ" * 400, '/"' * 450, "/x" * 600):
        answer = site.client.get("/auth/oidc/work", query_string={"next": path})
        assert len(answer.headers["Set-Cookie"]) < 4000


@pytest.mark.long(proved_by=f"{HERE_IN_TESTS}::test_first_login_makes_an_account_and_the_next_is_the_same")
def test_account_without_a_password_opens_with_none(site, work):
    work.know("w8", email="gita@work.example")
    gita = log_in(site, work, "w8")
    (stored,) = site.rows("SELECT password FROM users WHERE email = 'gita@work.example'")[0]
    for guess in ("!", stored, stored[1:], PASSWORD):
        Reader(site).send("/login", 422, email="gita@work.example", password=guess)
    page = gita.send("/account/details", 422, name="Gita", email="x@y.example", password=stored)
    assert "Your account has no password." in words(page)


def test_claim_makes_an_admin_and_never_takes_the_role(site, work):
    work.know("w9", email="hena@work.example", groups=["staff", "ops"], name="Hena")
    work.know("w11", email="jui@work.example", groups=["ops2", "xops"], name="Jui")
    with changed(site, OIDC_ADMIN_CLAIM="groups:ops") as ruled:
        assert log_in(ruled, work, "w9").location == "/admin/"
        assert log_of(site, 3)[1] == ("user.promote", "Hena", "work")
        log_in(ruled, work, "w11")
        work.know("w9", email="hena@work.example", groups=[])
        admin = log_in(ruled, work, "w9")
        assert "Admin rights given Role: Admin Before: Member Provider: work Hena" in words(admin.get("/admin/audit"))
    roles = dict(site.rows("SELECT name, is_admin FROM users WHERE name IN ('Hena', 'Jui')"))
    assert {name: bool(is_admin) for name, is_admin in roles.items()} == {"Hena": True, "Jui": False}


def test_two_step_login_is_required_unless_the_provider_is_trusted(site, work):
    work.know("w12", email="kona@work.example")
    log_in(site, work, "w12").send("/account/password/first", new_password=PASSWORD)
    app = turn_on(log_in_by_api(site, email="kona@work.example"))
    reader = Reader(site)
    page = end(reader, work.approve(begin(reader, next="/account"), "w12"), 200)
    assert reader.csrf == ""
    fields = {name: re.search(rf'name="{name}" value="([^"]+)"', page)[1] for name in ("token", "next")}
    reader.send("/login/second-factor", code=app.next_code(), **fields)
    assert reader.location == "/account"
    assert "kona@work.example" in who(reader)
    with changed(site, OIDC_TRUST_MFA="1") as trusting:
        assert "kona@work.example" in who(log_in(trusting, work, "w12"))


def test_user_sets_up_required_two_step_login_first(site, work):
    work.know("w13", email="lata@work.example", name="Lata")
    log_in(site, work, "w13")
    with changed(site, REQUIRE_TWO_FACTOR="all", OIDC_TRUST_MFA="1") as strict:
        reader = log_in(strict, work, "w13", status=200)
        assert "This site requires two-step login." in words(reader.page)
        assert reader.csrf == ""
