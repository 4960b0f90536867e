"""Open pages: sockets of both kinds, of the site and of communities. What they are told is read, and that is all."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Protocol
from urllib.parse import urlencode

import socketio
import websocket
from socketio.exceptions import SocketIOError

from demo.site import PATIENCE_S, Device, Site

LOST = (OSError, websocket.WebSocketException, SocketIOError)
"""What goes wrong with a line."""

GOODBYE, RELOAD = 1000, 1001

Room = tuple[str, str]
"""One of ROOMS, and the id of a community."""

ROOMS = {"visitors": "visitors", "visitor_dashboard": "visitor-dashboard"}
"""As Socket.IO calls them, and how they are called in paths."""


class Page(Protocol):
    def open(self) -> None:
        """Raises one of LOST."""

    def close(self, code: int = GOODBYE) -> None:
        """A second time does nothing."""

    @property
    def is_open(self) -> bool: ...


class PlainPage:
    """A plain WebSocket for the site, and one for each room."""

    def __init__(self, site: Site, device: Device, visitor_id: str, token: str | None, rooms: list[Room]) -> None:
        base = f"ws://{site.host}:{site.port}"
        self._urls = [f"{base}/?{urlencode({'visitorId': visitor_id})}"]
        self._urls += [f"{base}/ws/communities/{community_id}/{ROOMS[room]}/" for room, community_id in rooms]
        self._header = device.headers | ({"Authorization": f"Bearer {token}"} if token else {})
        self._sockets: list[websocket.WebSocket] = []

    def open(self) -> None:
        for url in self._urls:
            socket = websocket.create_connection(
                url, timeout=PATIENCE_S, header=self._header, http_no_proxy=["*"], suppress_origin=True
            )
            self._sockets.append(socket)
            threading.Thread(target=_listen, args=(socket,), daemon=True).start()

    def close(self, code: int = GOODBYE) -> None:
        while self._sockets:
            with suppress(*LOST):
                self._sockets.pop().close(code, timeout=1)

    @property
    def is_open(self) -> bool:
        return bool(self._sockets) and all(socket.connected for socket in self._sockets)


def _listen(socket: websocket.WebSocket) -> None:
    """Until it is closed; pings are answered on the way."""
    socket.settimeout(None)
    with suppress(*LOST, ValueError, AttributeError):
        while socket.recv_data()[0] != websocket.ABNF.OPCODE_CLOSE:
            pass
    with suppress(*LOST):
        socket.shutdown()


class SocketioPage:
    """One Socket.IO client, which joins the rooms."""

    def __init__(self, site: Site, device: Device, visitor_id: str, token: str | None, rooms: list[Room]) -> None:
        self._url = site.url
        self._headers = device.headers
        self._auth = {"visitorId": visitor_id, **({"token": token} if token else {})}
        self._rooms = rooms
        self._client = socketio.Client(reconnection=False, handle_sigint=False)

    def open(self) -> None:
        self._client.connect(
            self._url, headers=self._headers, auth=self._auth, transports=["websocket"], wait_timeout=PATIENCE_S
        )
        for room, community_id in self._rooms:
            self._client.call("join", {"room": room, "communityId": community_id}, timeout=PATIENCE_S)

    def close(self, code: int = GOODBYE) -> None:
        """It says goodbye whatever the code."""
        with suppress(*LOST):
            self._client.disconnect()

    @property
    def is_open(self) -> bool:
        return self._client.connected
