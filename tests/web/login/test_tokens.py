"""Valid tokens: signed by us, of the right kind, unexpired, and with a live session."""

import base64
import json
import time

import jwt
import pytest
from support.application.site import SECRET, assert_error
from support.people.accounts import bare, bearer, sign_up

from koyjabo.web.login.claims import ACCESS, CLAIM_LEEWAY_S, REFRESH
from koyjabo.web.login.tokens import ACCESS_TOKEN_S, REFRESH_TOKEN_S

ME, REFRESHED, LOGOUT = "/api/auth/me", "/api/auth/refresh", "/api/auth/logout"


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
