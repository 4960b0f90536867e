"""Accepts WebSocket handshakes (RFC 6455, 4.2)."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from hashlib import sha1
from typing import Any

from koyjabo.base.core.errors import BadHandshake, UnsupportedWebSocket
from koyjabo.base.network import client_address
from .buffered_connection import ConnectionOwner
from .connection_loop import ConnectionLoop
from .websocket_connection import WebSocketConnection

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PROTOCOL_VERSION = "13"
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
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != PROTOCOL_VERSION:
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
