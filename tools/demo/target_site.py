"""Where the demo may play: on a development server on this machine, whose database is that of this command."""

from __future__ import annotations

from http.client import HTTPException
from urllib.parse import urlsplit

from demo.site import Refusal, Site
from koyjabo import sites
from koyjabo.network.client_address import is_loopback
from koyjabo.settings import database_url
from koyjabo.settings.schema import Settings

OF_ITS_OWN = "Give it one of its own: DATABASE_URL=sqlite:///demo.db, for the server and for this command."


class NotHere(Exception):
    """The demo may not play. The message says why, and what to do."""


def find(settings: Settings, url: str) -> Site:
    """The server at `url`. Nothing has been changed anywhere when this raises NotHere."""
    if settings.environment != "development":
        raise NotHere(f"ENVIRONMENT is {settings.environment}, and the demo makes visits up. {OF_ITS_OWN}")
    if not all(map(_is_this_machine, database_url.hosts(settings.database))):
        raise NotHere(f"DATABASE_URL names a database on another machine, and the demo makes visits up. {OF_ITS_OWN}")
    site = _site(url)
    if _mark_of(site) != sites.mark(settings.database_url, settings.secret_key):
        raise NotHere(
            f"The server at {url} has another database than this command. Start both with the same settings "
            "(DATABASE_URL, SECRET_KEY)."
        )
    return site


def _is_this_machine(host: str) -> bool:
    return host == "localhost" or host.startswith("/") or is_loopback(host)


def _site(url: str) -> Site:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        raise NotHere(f"{url!r} is not a URL; use one such as http://localhost:8000.") from None
    if parts.scheme != "http" or parts.path.strip("/") or not _is_this_machine(host):
        raise NotHere(f"{url} is no server of this machine; the demo plays on one such as http://localhost:8000.")
    return Site(host, port)


def _mark_of(site: Site) -> str:
    try:
        said = site.call("GET", sites.PATH)
    except (Refusal, HTTPException, ValueError):  # before OSError, which an answer that breaks off is as well
        said = None
    except OSError:
        raise NotHere(f"Nobody answers at {site.url}. Start the server there: make run.") from None
    if not isinstance(said, dict) or not isinstance(said.get("mark"), str):
        raise NotHere(
            f"What answers at {site.url} is no development server of Koy Jabo Live, and the demo plays on no other. "
            "Start one: make run."
        )
    return said["mark"]
