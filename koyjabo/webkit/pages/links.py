"""Addresses that people send to each other."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, request, url_for

from koyjabo.network.services import NetworkServices
from koyjabo.webkit.current import current

ANY_SITE = "https://koyjabo.example"
"""Stands in samples for a site without PUBLIC_URL: no answer repeats the host of its request but as the address
of its picture. webkit/samples.js puts the address there that the reader has come to.
"""


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(public_url=app.config["PUBLIC_URL"], site_origin=site_origin, sample_site=sample_site)


def to(endpoint: str, **values: Any) -> str:
    """The whole address of a page: with PUBLIC_URL; without it, at the host of this request."""
    site = current_app.config["PUBLIC_URL"] or request.host_url.rstrip("/")
    return f"{site}{url_for(endpoint, **values)}"


def site_origin() -> str:
    """For addresses that have to be whole: PUBLIC_URL, or the origin of the request; "" if its Host is invalid."""
    return current()[NetworkServices].origins.site(request) or ""


def sample_site() -> str:
    """The address in samples: PUBLIC_URL, or ANY_SITE."""
    return current_app.config["PUBLIC_URL"] or ANY_SITE
