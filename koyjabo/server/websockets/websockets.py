"""Sets up a worker's WebSockets (plain and Socket.IO) and streams, checks them regularly, and closes them
at the end.
"""

from __future__ import annotations

import logging
import time
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from hashlib import sha1
from typing import Any

from koyjabo.base.core.extensions import socketio
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.core.socket_errors import BadHandshake, UnsupportedWebSocket
from koyjabo.base.network import client_address
from koyjabo.server.websockets.buffered_connection import ConnectionOwner
from koyjabo.server.websockets.connection import WebSocketConnection
from koyjabo.server.websockets.connection_loop import SWEEP_INTERVAL_S, ConnectionLoop
from koyjabo.server.websockets.engineio import Engine
from koyjabo.server.websockets.event_stream import EventStreams

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VERSION = "13"
KEY_BYTES = 16


class WebSockets:
    """Accepts upgrades. Handlers find this object in the WSGI environment as `koyjabo.websockets`."""

    def __init__(self, loop: ConnectionLoop) -> None:
        self._loop = loop

    def accept(
        self, environ: dict[str, Any], owner: ConnectionOwner, protocol: str | None = None
    ) -> WebSocketConnection:
        """Respond to the handshake and take over the connection; the request needs no other response. The owner calls
        `start` to begin reading. Accepts no extensions: permessage-deflate costs 36 µs per frame and 162 KB per
        client. Raises BadHandshake, UnsupportedWebSocket.
        """
        greeting = _greeting(environ, protocol)
        try:
            sock, early = environ["koyjabo.connection"].detach()
        except ConnectionError:  # the client has disconnected; there is no need to log that
            raise BadHandshake from None
        return self._loop.add(sock, client_address.limit_key(environ), owner, greeting, early)


def _greeting(environ: dict[str, Any], protocol: str | None) -> bytes:
    tokens = [token.strip().lower() for token in environ.get("HTTP_CONNECTION", "").split(",")]
    if environ["REQUEST_METHOD"] != "GET" or environ["SERVER_PROTOCOL"] != "HTTP/1.1" or "upgrade" not in tokens:
        raise BadHandshake
    if environ.get("CONTENT_LENGTH") not in (None, "", "0") or "HTTP_TRANSFER_ENCODING" in environ:
        raise BadHandshake  # a body would be parsed as frames
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != VERSION:
        raise UnsupportedWebSocket
    key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "")
    try:
        if len(b64decode(key, validate=True)) != KEY_BYTES:
            raise BadHandshake
    except (NotBase64, ValueError):
        raise BadHandshake from None
    accepted = b64encode(sha1(f"{key}{GUID}".encode()).digest()).decode()
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines.append(f"Sec-WebSocket-Accept: {accepted}")
    if protocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {protocol}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


log = logging.getLogger(__name__)

GOODBYE_S = 2.0
"""How long clients have to respond to our close frame before the process ends, s."""

TICK_S = 0.05

LATE_S = 1.0
"""If a sweep is later than this, s, the machine or this worker was suspended."""

MOST_SLEEPS = 3
"""Maximum number of additional sleeps, so that silent clients do not stay open on a machine that is always slow."""


class Sockets:
    def __init__(self, runtime: Runtime, connections: ConnectionLoop) -> None:
        self._connections = connections
        self._engine = Engine(socketio.server, connections)
        self.websockets = WebSockets(connections)
        self.event_streams = EventStreams(connections)
        socketio.server.manager.initialize()
        runtime.start_task(self._sweep)

    def share(self) -> int | None:
        """Return `ConnectionLoop.share`."""
        return self._connections.share()

    def close_all(self) -> None:
        """End all polls and streams, and send a close frame to all WebSockets."""
        self._engine.end_polling()
        self._connections.close_all()

    def wait_until_closed(self) -> None:
        """Wait until all clients have responded, for at most GOODBYE_S."""
        deadline = time.monotonic() + GOODBYE_S
        while len(self._connections) and time.monotonic() < deadline:
            time.sleep(TICK_S)

    def _sweep(self) -> None:
        while True:
            self._wait_until_due()
            try:
                self._engine.sweep()
                self._connections.sweep()
            except Exception:
                log.exception("sweep_failed")

    def _wait_until_due(self) -> None:
        """Sleep until an item is due. After a suspension, sleep again, so that frames that have arrived since are read
        before silent clients are dropped.
        """
        wanted_s = min(SWEEP_INTERVAL_S, self._engine.sweep_interval_s)
        for _ in range(MOST_SLEEPS):
            began = time.monotonic()
            time.sleep(wanted_s)
            if time.monotonic() - began <= wanted_s + LATE_S:
                return
