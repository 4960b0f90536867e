"""Valid tokens: signed by us, of the right kind, unexpired, and with a live session. Requests that another site makes a
browser send: the browser's cookies permit nothing.

Tests every route that changes something, as a user who may do it: an admin of the site.
"""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from support.application.site import SECRET, assert_error
from support.people.accounts import PASSWORD, bare, bearer, sign_up
from support.people.page_readers import FIELD, Reader, tokens_in
from support.people.permissions import BODIES, FORMS, WITHOUT_SESSION as ENTRANCES
from support.people.routes import CHANGING, method_of, path_of, rules, stored

from koyjabo.web.login.claims import ACCESS, CLAIM_LEEWAY_S, REFRESH
from koyjabo.web.login.page_login import mask
from koyjabo.web.login.tokens import ACCESS_TOKEN_S, CSRF_HEADER, REFRESH_TOKEN_S

ME, REFRESHED, LOGOUT = "/api/auth/me", "/api/auth/refresh", "/api/auth/logout"

ELSEWHERE = "https://evil.example"
NEVER_BY_COOKIE = {  # any site may call these, and a cookie makes no difference
    "api_counting.register_visit",
    "api_events.record_events",
    "api_evidence.heartbeat",
    "api_erasure.forget",
}
HARMLESS = {"pages_preferences.choose_language", "pages_preferences.choose_theme"}
"""They only change the language or the theme."""


@pytest.fixture(scope="module")
def person(site):
    return sign_up(site)


@pytest.fixture(scope="module")
def stranger(site):
    return sign_up(site, "karim")


def claims(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


def changed(token: str, key: str = SECRET, algorithm: str | None = "HS256", **new) -> str:
    """The same token with other claims (None omits one), signed with this key."""
    new_claims = {name: value for name, value in {**claims(token), **new}.items() if value is not None}
    return jwt.encode(new_claims, key if algorithm else "", algorithm)


def without_signature(token: str) -> str:
    return token.rpartition(".")[0] + "."


def with_header(token: str, **header) -> str:
    part = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return ".".join([part, *token.split(".")[1:]])


FORGED = {
    "of another key": lambda person, other: changed(person.access, key="k" * 32),
    "alg none": lambda person, other: without_signature(changed(person.access, algorithm=None)),
    "alg none on ours": lambda person, other: with_header(person.access, alg="none", typ="JWT"),
    "alg None, in capitals": lambda person, other: with_header(without_signature(person.access), alg="NONE", typ="JWT"),
    "another algorithm": lambda person, other: changed(person.access, algorithm="HS384"),
    "no signature": lambda person, other: without_signature(person.access),
    "one's own claims with another's signature": lambda person, other: (
        person.access.rpartition(".")[0] + "." + other.access.rpartition(".")[2]
    ),
    "refresh as access": lambda person, other: person.refresh,
    "another user's id on one's session": lambda person, other: changed(person.access, sub=other.id),
    "a session there never was": lambda person, other: changed(person.access, sid=other.id),
    **{
        f"no {name}": lambda person, other, name=name: changed(person.access, **{name: None})
        for name in ("sub", "sid", "jti", "exp", "type")
    },
    "a number for a session": lambda person, other: changed(person.access, sid=5),
    "an end that is none": lambda person, other: changed(person.access, exp="soon"),
    **{text[:9]: lambda person, other, text=text: text for text in ("", "abc", "...", "x" * 10_000)},
}


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_forged_token_is_refused(person, stranger):
    for how, forge in FORGED.items():
        answer = person.get(ME, headers=bearer(forge(person, stranger)))
        assert (how, answer.status_code, answer.json["code"]) == (how, 401, "invalid_token")
    for token in ("é", "\x7f", "a=b", "a b=c"):
        assert_error(person.get(ME, headers=bearer(token)), 401, "invalid_token")
    assert_error(person.post(REFRESHED), 401, "invalid_token")  # an access token cannot be used to renew
    assert_error(person.post(LOGOUT, token=changed(person.access, key="k" * 32)), 401, "invalid_token")
    assert person.get(ME, headers={"Authorization": f"bearer {person.access}"}).status_code == 200


def test_a_request_without_a_token_is_unauthenticated(site):
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Token abc"}):
        assert bare(site).head(ME, headers=headers).status_code == 401
        assert_error(bare(site).get(ME, headers=headers), 401, "unauthenticated")
        assert_error(bare(site).post(REFRESHED, headers=headers), 401, "unauthenticated")


def test_tokens_are_valid_for_15_minutes_and_30_days(person):
    for token, kind, long in ((person.access, ACCESS, ACCESS_TOKEN_S), (person.refresh, REFRESH, REFRESH_TOKEN_S)):
        good_claims = claims(token)
        assert (good_claims["exp"] - good_claims["iat"], good_claims["type"]) == (long, kind)
        assert abs(good_claims["iat"] - time.time()) < 60
        assert good_claims["sub"] == person.id
    assert (ACCESS_TOKEN_S, REFRESH_TOKEN_S) == (900, 2_592_000)
    assert claims(person.access)["sid"] == claims(person.refresh)["sid"]
    assert set(claims(person.access)) == {"sub", "sid", "jti", "type", "csrf", "exp", "iat", "fresh"}, "no name"


def test_an_expired_token_has_its_own_error_code(site, person):
    ago = int(time.time()) - CLAIM_LEEWAY_S - 1
    assert_error(person.get(ME, headers=bearer(changed(person.access, exp=ago))), 401, "token_expired")
    expired = changed(person.refresh, exp=ago)
    assert_error(person.post(REFRESHED, token=expired), 401, "token_expired")
    assert_error(person.get(ME, headers=bearer(expired)), 401, "invalid_token")  # the wrong kind, even if expired


def test_a_token_is_accepted_if_the_clocks_differ_by_seconds(person):
    for claim, ahead_s in (("exp", -1), ("iat", 2)):
        token = changed(person.access, **{claim: int(time.time()) + ahead_s})
        assert person.get(ME, headers=bearer(token)).status_code == 200


def test_an_expired_token_can_log_out(site):
    person = sign_up(site, "nila")
    assert person.post(LOGOUT, token=changed(person.access, exp=1)).status_code == 204
    assert_error(person.get(ME), 401, "invalid_token")


@pytest.fixture(scope="module")
def boss(site, cast) -> Reader:
    cast.kept_community()
    return Reader(site).log_in("site_admin")


def send(site, cast, boss: Reader, endpoint: str, **headers: str) -> Any:
    rule = rules(site)[endpoint]
    path, method = path_of(site, cast, rule, cast.kept_community()), method_of(rule)
    fields = {**BODIES, **FORMS}.get(endpoint, {})
    request = {"data": fields} if endpoint.startswith(("pages_", "panel_")) else {"json": fields}
    return boss.client.open(path, method=method, headers={**boss.headers, **headers}, **request)


def changes(site) -> list[str]:
    """Routes authorised by cookies."""
    endpoints = {endpoint for endpoint, rule in rules(site).items() if (rule.methods or set()) & CHANGING}
    return sorted(endpoints - NEVER_BY_COOKIE - HARMLESS - ENTRANCES)


def test_a_change_by_cookie_needs_its_csrf_token(site, cast, boss):
    before = stored(site)
    for headers in ({}, {CSRF_HEADER: "x" * 36}):
        statuses = {endpoint: send(site, cast, boss, endpoint, **headers).status_code for endpoint in changes(site)}
        assert statuses == dict.fromkeys(statuses, 403)
    assert stored(site) == before


def test_a_cookie_sent_by_a_page_of_another_site_counts_as_absent(site, cast, boss):
    """test_session_cookies.py tests which origins count as another site."""
    before, token = stored(site), boss.csrf
    for endpoint in changes(site):
        answer = send(site, cast, boss, endpoint, Origin=ELSEWHERE, **{CSRF_HEADER: token})
        leads_to_login = answer.status_code == 303 and answer.headers["Location"].startswith("/login")
        assert leads_to_login or answer.status_code == 401, f"{endpoint}: {answer.status}"
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert stored(site) == before


def test_a_page_of_another_site_cannot_start_a_session(site):
    """Other sites can send a form without permission. JSON requires a preflight request, which is refused."""
    before, stranger = stored(site), Reader(site)
    headers, fields = {**stranger.headers, "Origin": ELSEWHERE}, {"email": "outsider@example.com", "password": PASSWORD}
    asked = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}
    for endpoint in ENTRANCES:
        path = rules(site)[endpoint].rule
        for kind in ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain"):
            answer = stranger.client.post(path, headers=headers, data=fields, content_type=kind)
            assert answer.status_code in (403, 415), f"{endpoint}: {answer.status}"
            assert "Set-Cookie" not in answer.headers
        assert "Access-Control-Allow-Origin" not in stranger.client.options(path, headers=asked).headers
    assert stored(site) == before


def test_public_calls_ignore_cookies_sent_by_other_sites(site, cast, boss):
    for endpoint in NEVER_BY_COOKIE:
        answer = send(site, cast, boss, endpoint, Origin=ELSEWHERE)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert site.rows("SELECT user_id FROM visits") == [(None,)]


def test_each_page_has_a_new_mask_of_the_csrf_token(boss):
    pages = [boss.get("/account") for _ in range(5)]
    seen = [set(FIELD.findall(page)) for page in pages]
    assert [len(masks) for masks in seen] == [1] * 5, "one mask a page: it repeats well"
    assert len(set.union(*seen)) == 5
    assert {token for page in pages for token in tokens_in(page)} == {boss.csrf}
    assert not [page for page in pages if boss.csrf in page]


def test_a_form_is_accepted_only_with_a_mask_of_its_token(site, boss):
    for token in (mask(boss.csrf), mask(boss.csrf), *FIELD.findall(boss.get("/account"))[:1]):
        boss.send("/communities/new", csrf_token=token, name="Masked")
    boss.send("/communities/new", name="Sent as it is, as pages of an earlier version do")
    before = stored(site)
    others = ["", "x", f"{boss.csrf}x", f"x{boss.csrf}", f"{boss.csrf} ", Reader(site).sign_up("stranger").csrf]
    for token in (*map(mask, others), mask(boss.csrf)[:-4]):
        boss.send("/communities/new", 403, csrf_token=token, name="Never")
    answer = boss.client.post("/api/communities", headers={CSRF_HEADER: mask(boss.csrf)}, json={"name": "Never"})
    assert (answer.status_code, answer.json["code"]) == (403, "wrong_csrf_token"), "the API takes no masks"
    assert stored(site)["communities"] == before["communities"]
