"""Links for people to send to each other."""

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, request, url_for
from flask_babel import gettext

from koyjabo.base.core.installation import own_command
from koyjabo.base.network.client_address import is_loopback
from koyjabo.base.network.origins import Origins
from koyjabo.base.settings.schema import Settings
from koyjabo.web.current import current

ANY_SITE = "https://koyjabo.example"
"""Address used in samples if PUBLIC_URL is not set, because a response must not repeat the request's host (except in
the address of its picture). webkit/samples.js replaces it with the browser's address.
"""


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(
        public_url=public_url,
        site_origin=site_origin,
        sample_site=sample_site,
        own_command=own_command,
        only_here=only_here,
    )


def public_url() -> str:
    return current()[Settings].public_url


def to(endpoint: str, **values: Any) -> str:
    """The full URL of a page, with PUBLIC_URL or else this request's host."""
    return (public_url() or request.host_url.rstrip("/")) + url_for(endpoint, **values)


def site_origin() -> str:
    """PUBLIC_URL, or the origin of the request, for URLs that must be complete; "" if its Host is invalid."""
    return current()[Origins].site(request) or ""


def only_here(url: str | None = None) -> str:
    """A warning if only this computer can open `url`, or without it the links that this server makes; otherwise ""."""
    host = urlsplit(site_origin() if url is None else url).hostname or ""
    return gettext("This address works only on this computer.") if host == "localhost" or is_loopback(host) else ""


def sample_site() -> str:
    """The address in samples: PUBLIC_URL, or ANY_SITE."""
    return public_url() or ANY_SITE
