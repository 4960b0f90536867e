"""Finds the server, and refuses it unless it is a development server on this machine with the same database.

The demo writes invented visits, so it changes nothing until all checks have passed.
"""

from __future__ import annotations

import os
from http.client import HTTPException
from urllib.parse import urlsplit

from sqlalchemy.engine import URL

from demo.site import Refusal, Site
from koyjabo.base.network.client_address import is_loopback
from koyjabo.base.settings.schema import Settings
from koyjabo.web import development

OWN_DATABASE = (
    "The demo writes invented visits. Give it its own database: DATABASE_URL=sqlite:///demo.db, for the server "
    "and for this command."
)
EXAMPLE = "http://localhost:8000"


class CannotRun(Exception):
    """The message explains why the demo cannot run, and what to do."""


def find(settings: Settings, url: str) -> Site:
    """Return the server at `url`. Raises CannotRun."""
    if settings.environment != "development":
        raise CannotRun(f"ENVIRONMENT is {settings.environment}. {OWN_DATABASE}")
    if not all(map(_is_local, database_hosts(settings.database))):
        raise CannotRun(f"DATABASE_URL names a database on another machine. {OWN_DATABASE}")
    site = _site(url)
    if _mark(site) != development.mark(settings.database_url, settings.secret_key):
        raise CannotRun(
            f"The server at {url} uses a different database from this command. Start both with the same settings "
            "(DATABASE_URL, SECRET_KEY)."
        )
    return site


def database_hosts(database: URL) -> list[str]:
    """Every host that the driver may connect to; none for SQLite.

    libpq also reads hosts from the URL's query and from its own variables. Service files are not read: a service name
    counts as another machine.
    """
    if database.get_backend_name() == "sqlite":
        return []
    query = database.normalized_query
    named = [database.host or "", *query.get("host", ())]
    if not any(named):
        named = [os.environ.get("PGHOST", "")]
    named += query.get("hostaddr") or [os.environ.get("PGHOSTADDR", "")]
    services = query.get("service") or [os.environ.get("PGSERVICE", "")]
    return [host for host in ",".join(named).split(",") if host] + [f"service {name}" for name in services if name]


def _is_local(host: str) -> bool:
    return host == "localhost" or host.startswith("/") or is_loopback(host)


def _site(url: str) -> Site:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        raise CannotRun(f"{url!r} is not a URL. Use a URL such as {EXAMPLE}.") from None
    if parts.scheme != "http" or parts.path.strip("/") or not _is_local(host):
        raise CannotRun(f"{url} is not a server on this machine. Use a URL such as {EXAMPLE}.")
    return Site(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _mark(site: Site) -> str:
    try:
        answer = site.call("GET", development.PATH)
    except (Refusal, HTTPException, ValueError):  # before OSError, because a truncated response is both
        answer = None
    except OSError:
        raise CannotRun(f"No server responds at {site.url}. Start one: make run.") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("mark"), str):
        raise CannotRun(f"{site.url} is not a development server of Koy Jabo Live. Start one: make run.")
    return str(answer["mark"])
