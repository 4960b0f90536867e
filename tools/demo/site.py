"""The server for simulated browsers: HTTP, and the sockets of open pages."""

from __future__ import annotations

import json
import threading
from contextlib import closing, suppress
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlencode

import websocket

TIMEOUT_S = 15.0
CONNECTION_ERRORS = (OSError, websocket.WebSocketException)
LEAVE, RELOAD = 1000, 1001
"""Close codes (RFC 6455, 7.4.1)."""

Room = tuple[str, str]
"""A community's id, and the name of a room as used in paths."""


class Visitor(NamedTuple):
    """A browser: visitor id, address, user agent, Accept-Language ("" for none), and the access token of a logged-in
    user.
    """

    id: str
    address: str
    agent: str
    languages: str = ""
    token: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Request headers. A development server trusts X-Forwarded-For from its own machine."""
        token = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        languages = {"Accept-Language": self.languages} if self.languages else {}
        return {"X-Forwarded-For": self.address, "User-Agent": self.agent, **languages, **token}


class Refusal(Exception):
    """An error response. `status` is the HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"it answered with {status}")
        self.status = status


class Site(NamedTuple):
    """A server. `netloc` is `host:port`, with an IPv6 address in brackets."""

    netloc: str

    @property
    def url(self) -> str:
        return f"http://{self.netloc}"

    def call(self, method: str, path: str, body: Any = None, visitor: Visitor | None = None) -> Any:
        """Return the JSON of the response, or None if it is empty.

        Raises Refusal, OSError, HTTPException, ValueError.
        """
        headers = {"Content-Type": "application/json", "Connection": "close", **(visitor.headers if visitor else {})}
        with closing(HTTPConnection(self.netloc, timeout=TIMEOUT_S)) as connection:  # ignores proxy settings
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        if answer.status >= 300:
            raise Refusal(answer.status)
        return json.loads(content) if content else None


class Page:
    """A browser's WebSockets: one for the site, and one for each room. They read what the server sends."""

    def __init__(self, site: Site, visitor: Visitor, rooms: list[Room]) -> None:
        self._urls = [f"ws://{site.netloc}/?{urlencode({'visitorId': visitor.id})}"]
        self._urls += [f"ws://{site.netloc}/ws/communities/{community}/{room}/" for community, room in rooms]
        self._headers = visitor.headers
        self._sockets: list[websocket.WebSocket] = []

    def open(self) -> None:
        """Open the sockets. Raises one of CONNECTION_ERRORS."""
        for url in self._urls:
            socket = websocket.create_connection(
                url, timeout=TIMEOUT_S, header=self._headers, http_no_proxy=["*"], suppress_origin=True
            )
            self._sockets.append(socket)
            threading.Thread(target=_read, args=(socket,), daemon=True).start()

    def show(self, visible: bool, acted: bool = False) -> None:
        """Report that the page is visible or hidden, and whether the visitor has acted. Raises CONNECTION_ERRORS."""
        if self.is_open:
            self._sockets[0].send(json.dumps({"type": "visible", "visible": visible, "acted": acted}))

    def close(self, code: int = LEAVE) -> None:
        """Close the sockets. Idempotent."""
        while self._sockets:
            with suppress(*CONNECTION_ERRORS):
                self._sockets.pop().close(code, timeout=1)

    @property
    def is_open(self) -> bool:
        return bool(self._sockets) and all(socket.connected for socket in self._sockets)


def _read(socket: websocket.WebSocket) -> None:
    """Read until the socket is closed. The library answers pings."""
    socket.settimeout(None)
    with suppress(*CONNECTION_ERRORS, ValueError, AttributeError):
        while socket.recv_data()[0] != websocket.ABNF.OPCODE_CLOSE:
            pass
    with suppress(*CONNECTION_ERRORS):
        socket.shutdown()  # type: ignore[no-untyped-call]
