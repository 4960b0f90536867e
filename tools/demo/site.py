"""The server for simulated browsers. Only a development server with this command's database and secret is accepted."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import click
import requests
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from koyjabo.base.network.client_address import is_loopback
from koyjabo.base.settings.schema import Settings
from koyjabo.web import development

OWN_DATABASE = (
    "The demo writes invented visits. Set DATABASE_URL=sqlite:///demo.db and ENVIRONMENT=development for both programs."
)
TIMEOUT_S = 15.0
FAILURES = (OSError, ValueError, WebSocketException)
"""Errors of requests and sockets. The errors of `requests` are OSErrors."""


class CannotRun(click.ClickException):
    """The message explains why the demo cannot run, and what to do."""

    exit_code = 2


class Visitor(NamedTuple):
    """A visitor's id, and the headers that their browser sends."""

    id: str
    headers: dict[str, str]


class Server(NamedTuple):
    """`netloc` is `host:port`."""

    netloc: str

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """Return the JSON of the response. Raises one of FAILURES."""
        with requests.Session() as session:
            session.trust_env = False  # ignores proxy settings
            url = f"http://{self.netloc}{path}"
            response = session.request(method, url, json=body, headers=headers, timeout=TIMEOUT_S)
            response.raise_for_status()
            return response.json()

    @contextmanager
    def opened(self, paths: list[str], visitor: Visitor) -> Iterator[Callable[[bool, bool], object]]:
        """Open WebSockets for the duration of the block. Yields a function that reports whether the page is visible,
        and whether the visitor has acted. Raises one of FAILURES.
        """
        with ExitStack() as stack:
            sockets = []
            for path in paths:
                socket = connect(
                    f"ws://{self.netloc}{path}",
                    additional_headers=visitor.headers,
                    user_agent_header=None,
                    open_timeout=TIMEOUT_S,
                    close_timeout=1,
                    proxy=None,
                )
                stack.callback(socket.close)
                threading.Thread(target=_read, args=(socket,), daemon=True).start()
                sockets.append(socket)
            send = sockets[0].send
            yield lambda visible, acted: send(json.dumps({"type": "visible", "visible": visible, "acted": acted}))


def _read(socket: ClientConnection) -> None:
    """Read until the socket is closed. The library answers pings."""
    with suppress(WebSocketException):
        for _ in socket:
            pass


def find(settings: Settings, url: str) -> Server:
    """Return the server at `url`. Raises CannotRun."""
    if settings.environment != "development" or settings.database.get_backend_name() != "sqlite":
        raise CannotRun(OWN_DATABASE)
    parts = urlsplit(url)
    server, host = Server(parts.netloc), parts.hostname or ""
    if parts.scheme != "http" or parts.path.strip("/") or not (host == "localhost" or is_loopback(host)):
        raise CannotRun(f"{url} is not a server on this machine. Use a URL such as http://localhost:8000.")
    try:
        mark = server.call("GET", development.DEVELOPMENT_PATH)["mark"]
    except (*FAILURES, TypeError, KeyError):
        raise CannotRun(f"At {url} is no development server of Koy Jabo Live. Start one: make run.") from None
    if mark != development.mark(settings.database_url, settings.secret_key):
        raise CannotRun(f"The server at {url} has another DATABASE_URL or SECRET_KEY than this command.")
    return server
