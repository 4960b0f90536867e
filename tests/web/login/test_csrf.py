"""Requests that another site makes a browser send: the browser's cookies permit nothing.

Tests every route that changes something, as a user who may do it: an admin of the site.
"""

from typing import Any

import pytest
from support.people.accounts import PASSWORD
from support.people.page_readers import FIELD, Reader, tokens_in
from support.people.permissions import BODIES, FORMS, WITHOUT_SESSION as ENTRANCES
from support.people.routes import CHANGING, method_of, path_of, rules, stored

from koyjabo.web.login.page_login import mask
from koyjabo.web.login.tokens import CSRF_HEADER

ELSEWHERE = "https://evil.example"
NEVER_BY_COOKIE = {
    "api_counting.register_visit",
    "api_events.record_events",
    "api_evidence.heartbeat",
    "api_retention.forget",
}
"""Any site may call these, and a cookie makes no difference."""

HARMLESS = {"pages_preferences.choose_language", "pages_preferences.choose_theme"}
"""They only change the language or the theme."""


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
