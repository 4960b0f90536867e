"""Open pages: the sockets of a browser, of the site and of communities. They read what the server sends."""

from __future__ import annotations

import threading
from contextlib import suppress
from urllib.parse import urlencode

import socketio
import websocket
from socketio.exceptions import SocketIOError

from demo.site import TIMEOUT_S, Site, Visitor

CONNECTION_ERRORS = (OSError, websocket.WebSocketException, SocketIOError)
LEAVE, RELOAD = 1000, 1001
"""Close codes: RFC 6455, section 7.4.1."""

Room = tuple[str, str]
"""A key of PATHS, and the id of a community."""

PATHS = {"visitors": "visitors", "visitor_dashboard": "visitor-dashboard"}
"""Socket.IO rooms, and their names in the paths of plain WebSockets."""


class PlainPage:
    """A plain WebSocket for the site, and one for each room."""

    def __init__(self, site: Site, visitor: Visitor, rooms: list[Room]) -> None:
        self._urls = [f"ws://{site.netloc}/?{urlencode({'visitorId': visitor.id})}"]
        self._urls += [f"ws://{site.netloc}/ws/communities/{community}/{PATHS[room]}/" for room, community in rooms]
        self._headers = visitor.headers
        self._sockets: list[websocket.WebSocket] = []

    def open(self) -> None:
        """Raises one of CONNECTION_ERRORS."""
        for url in self._urls:
            socket = websocket.create_connection(
                url, timeout=TIMEOUT_S, header=self._headers, http_no_proxy=["*"], suppress_origin=True
            )
            self._sockets.append(socket)
            threading.Thread(target=_read, args=(socket,), daemon=True).start()

    def close(self, code: int = LEAVE) -> None:
        """Idempotent."""
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


class SocketioPage:
    """One Socket.IO client, which joins the rooms."""

    def __init__(self, site: Site, visitor: Visitor, rooms: list[Room]) -> None:
        self._url = site.url
        self._headers = visitor._replace(token=None).headers
        self._auth = {"visitorId": visitor.id, **({"token": visitor.token} if visitor.token else {})}
        self._rooms = rooms
        self._client = socketio.Client(reconnection=False, handle_sigint=False)

    def open(self) -> None:
        """Raises one of CONNECTION_ERRORS."""
        self._client.connect(
            self._url, headers=self._headers, auth=self._auth, transports=["websocket"], wait_timeout=TIMEOUT_S
        )
        for room, community in self._rooms:
            self._client.call("join", {"room": room, "communityId": community}, timeout=TIMEOUT_S)

    def close(self, code: int = LEAVE) -> None:
        """Idempotent. Socket.IO has no close codes: it always says that it leaves."""
        with suppress(*CONNECTION_ERRORS):
            self._client.disconnect()

    @property
    def is_open(self) -> bool:
        return bool(self._client.connected)


Page = PlainPage | SocketioPage
