"""Texts that come with a visit: cut, cleaned, never a reason to refuse."""

from __future__ import annotations

import pytest
from support.app_fixtures import Site

PLAIN = {"Content-Type": "application/json"}
COLUMNS = {"userAgent": "user_agent", "referrer": "referrer", "page": "page"}


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


@pytest.fixture
def either_site(database):
    """The site on each database."""
    with Site(database.url) as site:
        yield site


def kept(site: Site, column: str, body: str, **headers: str) -> str | None:
    """What the ledger has of a visit whose body ends like this."""
    answer = site.post(data=f'{{"visitorId": "ayesha"{body}}}', headers={**PLAIN, **headers})
    assert answer.status_code == 200, answer.text
    return site.rows(f"SELECT {column} FROM visits ORDER BY id DESC LIMIT 1")[0][0]


def test_texts_are_kept_or_absent(site):
    for field, column in COLUMNS.items():
        headers = {"User-Agent": ""} if field == "userAgent" else {}
        assert kept(site, column, f', "{field}": "/ঢাকা"', **headers) == "/ঢাকা"
        assert not kept(site, column, f', "{field}": null', **headers)
        assert not kept(site, column, "", **headers)


def test_over_long_texts_are_cut(site):
    for field, column in COLUMNS.items():
        stored = kept(site, column, f', "{field}": "{"ক" * 4000}"')
        assert set(stored) == {"ক"}
        assert 256 <= len(stored) <= 1024


@pytest.mark.both_kinds
@pytest.mark.parametrize("bad", [r"\u0000", r"\ud83d", r"\ude00\ud83d"])
def test_what_no_database_holds_is_replaced(either_site, bad):
    for field, column in COLUMNS.items():
        stored = kept(either_site, column, f', "{field}": "/a{bad}b"')
        assert stored.startswith("/a")
        assert stored.endswith("b")
        assert "\0" not in stored
        stored.encode()


@pytest.mark.both_kinds
def test_whole_surrogate_pairs_are_kept(either_site):
    assert kept(either_site, "page", r', "page": "\ud83d\ude00"') == "😀"


def test_user_agent_falls_back_to_the_header(site):
    assert kept(site, "user_agent", "", **{"User-Agent": "Header/1"}) == "Header/1"
    assert kept(site, "user_agent", ', "userAgent": null', **{"User-Agent": "Header/1"}) == "Header/1"
    assert kept(site, "user_agent", ', "userAgent": "Body/2"', **{"User-Agent": "Header/1"}) == "Body/2"
    assert set(kept(site, "user_agent", "", **{"User-Agent": "x" * 4000})) == {"x"}
    assert len(kept(site, "user_agent", "", **{"User-Agent": "x" * 4000})) <= 1024


def test_referrer_is_kept_as_origin_and_path(site):
    for sent, stored in {
        "direct": None,
        "": None,
        "?q=secret": None,
        "https://google.com": "https://google.com",
        "https://google.com/a/b?q=secret": "https://google.com/a/b",
        "https://google.com/#secret?q": "https://google.com/",
        "https://google.com?q#x": "https://google.com",
        f"https://google.com/a?q={'x' * 3000}": "https://google.com/a",
    }.items():
        assert kept(site, "referrer", f', "referrer": "{sent}"') == stored, sent


def test_a_password_in_a_referrer_is_not_kept(site):
    """An origin is scheme, host and port (RFC 6454)."""
    assert "secret" not in kept(site, "referrer", ', "referrer": "https://me:secret@example.com/a"')
