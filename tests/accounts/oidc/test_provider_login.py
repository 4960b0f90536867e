"""Login with an OpenID provider: who is let in, as whom, and which answers are refused."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from support.application.site import Site
from support.people.page_readers import Reader, words
from support.servers.openid_provider import OpenidProvider

HERE = "http://localhost"


@pytest.fixture(scope="module")
def work() -> Iterator[OpenidProvider]:
    with OpenidProvider() as provider:
        yield provider


@pytest.fixture(scope="module")
def site(module_sqlite_database, work) -> Iterator[Site]:
    settings = {"OIDC_PROVIDERS": "work", "OIDC_SIGNUP": "1", **work.settings(NAME="The Office")}
    with Site(module_sqlite_database.url, **settings) as site:
        yield site


def begin(reader: Reader, name: str = "work", **query: str) -> str:
    """Where the link of the login page leads."""
    reader.get(f"/auth/oidc/{name}?{urlencode(query)}", 303)
    return reader.location or ""


def end(reader: Reader, back: str, status: int = 303) -> str:
    """The browser comes back with the provider's answer."""
    assert back.startswith(f"{HERE}/auth/oidc/")
    return reader.get(back.removeprefix(HERE), status)


def log_in(site: Site, provider: OpenidProvider, subject: str, name: str = "work", **query: str) -> Reader:
    reader = Reader(site)
    end(reader, provider.approve(begin(reader, name, **query), subject))
    return reader


def test_first_login_makes_an_account_and_the_next_is_the_same(site, work):
    work.know("w1", email="ayesha@work.example", email_verified=True, name="Ayesha Rahman")
    ayesha = log_in(site, work, "w1", next="/account")
    assert ayesha.location == "/account"
    page = words(ayesha.get("/account"))
    assert all(each in page for each in ("Ayesha Rahman", "ayesha@work.example Confirmed", "The Office Connected"))
    work.know("w1", email="another@work.example")
    assert "ayesha@work.example" in words(log_in(site, work, "w1").get("/account"))
    log = site.rows("SELECT action, details FROM audit_log ORDER BY id")
    assert [(action, '"work"' in details) for action, details in log[-3:]] == [
        ("user.sign_up", True),
        ("session.begin", True),
        ("session.begin", True),
    ]
