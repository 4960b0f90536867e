"""Logins with an OpenID provider, step by step as in a browser."""

from __future__ import annotations

from urllib.parse import urlencode

from support.application.site import Site
from support.people.page_readers import Reader
from support.servers.openid_provider import OpenidProvider

HERE = "http://localhost"


def begin(reader: Reader, name: str = "work", **query: str) -> str:
    """Follow the link on the login page. Returns the provider's address."""
    reader.get(f"/auth/oidc/{name}?{urlencode(query)}", 303)
    return reader.location or ""


def end(reader: Reader, back: str, status: int = 303) -> str:
    """Return from the provider to the site. Returns the page."""
    assert back.startswith(f"{HERE}/auth/oidc/"), back
    return reader.get(back.removeprefix(HERE), status)


def log_in(site: Site, provider: OpenidProvider, subject: str, name: str = "work", status: int = 303) -> Reader:
    reader = Reader(site)
    reader.page = end(reader, provider.approve(begin(reader, name), subject), status)
    return reader
