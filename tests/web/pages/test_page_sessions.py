"""What opens the pages: an access token in its cookie, or one that has expired next to the refresh token of a session
that lives. Browsers have both; whoever has got hold of an old one has not.
"""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from support.app_fixtures import SECRET, Site
from support.page_calls import Reader, tokens_in

from koyjabo.accounts.queries import TOGETHER_MS

ACCESS, REFRESH, CSRF = "access_token_cookie", "refresh_token_cookie", "csrf_refresh_token"


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


@pytest.fixture
def ayesha(site):
    return Reader(site).sign_up("ayesha")


def cookie(reader: Reader, name: str) -> str:
    return reader.client.get_cookie(name).value


def changed(token: str, **claims: Any) -> str:
    """The same token with other claims, signed by the site itself."""
    return jwt.encode({**jwt.decode(token, options={"verify_signature": False}), **claims}, SECRET)


def showing(site: Site, access: str, refresh: str | None = None) -> Reader:
    """Somebody who has these cookies and no others."""
    reader = Reader(site)
    for name, value in ((ACCESS, access), (REFRESH, refresh)):
        if value is not None:
            reader.client.set_cookie(name, value)
    return reader


def opens(reader: Reader) -> bool:
    """Whether the page of one's account is shown, and the front page knows who looks."""
    account = reader.client.get("/account", headers=reader.headers).status_code == 200
    assert ('<span class="who">Ayesha</span>' in reader.get("/")) == account
    return account


def renew(reader: Reader) -> None:
    answer = reader.client.post("/api/auth/refresh", headers={"X-CSRF-TOKEN": cookie(reader, CSRF)})
    assert answer.status_code == 200, answer.text


def test_expired_access_token_is_good_next_to_the_refresh_token(site, ayesha):
    expired = changed(cookie(ayesha, ACCESS), exp=1)
    reader = showing(site, expired, cookie(ayesha, REFRESH))
    assert opens(reader)
    (field,) = {jwt.decode(expired, options={"verify_signature": False})["csrf"]}
    assert tokens_in(reader.get("/account")) == {field}
    reader.send("/logout", csrf_token=field)
    assert not opens(ayesha)


def test_access_token_alone_is_good_until_it_expires(site, ayesha):
    token = cookie(ayesha, ACCESS)
    assert opens(showing(site, token))
    assert not opens(showing(site, changed(token, exp=1)))


def test_refresh_token_is_no_access_token(site, ayesha):
    refresh = cookie(ayesha, REFRESH)
    assert not opens(showing(site, refresh))
    assert not opens(showing(site, refresh, refresh))


def test_expired_access_token_is_nothing_next_to_another_session_or_another_kind(site, ayesha):
    expired, karim = changed(cookie(ayesha, ACCESS), exp=1), Reader(site).sign_up("karim")
    elsewhere = Reader(site).log_in("ayesha")
    beside = [cookie(karim, REFRESH), cookie(elsewhere, REFRESH), cookie(ayesha, ACCESS), expired, "x"]
    beside.append(changed(cookie(ayesha, REFRESH), exp=1))
    for each in beside:
        assert not opens(showing(site, expired, each)), each


def test_refresh_token_that_was_renewed_opens_the_pages_for_some_seconds_more(site, ayesha):
    """Of two tabs one may renew what the other has just sent."""
    first, expired = cookie(ayesha, REFRESH), changed(cookie(ayesha, ACCESS), exp=1)
    renew(ayesha)
    second = cookie(ayesha, REFRESH)
    assert [opens(showing(site, expired, each)) for each in (first, second)] == [True, True]
    renew(ayesha)
    third = cookie(ayesha, REFRESH)
    assert [opens(showing(site, expired, each)) for each in (first, second, third)] == [False, True, True]
    site.time.pass_(seconds=TOGETHER_MS / 1000)
    assert [opens(showing(site, expired, each)) for each in (first, second, third)] == [False, False, True]


def test_page_renews_nothing(site, ayesha):
    before = site.rows("SELECT refresh_id, renewed_ms FROM sessions")
    assert opens(showing(site, changed(cookie(ayesha, ACCESS), exp=1), cookie(ayesha, REFRESH)))
    assert site.rows("SELECT refresh_id, renewed_ms FROM sessions") == before
