"""Engine.IO over our connections: python-engineio keeps its protocol, and its clients cost no greenlets.

It relies on unpublished parts of python-engineio (4.15.1, pinned): `engineio.server` making its clients from
`socket.Socket`; `_upgrade_websocket` being called to answer an upgrade; `schedule_ping` being called when a client has
connected and when it has answered a ping; a client's `queue` being all that stands between `send` and the wire; and
`handlers` holding what python-socketio does about `connect` and `message`.
"""

from __future__ import annotations

import io
import logging
import time
from typing import Any

import engineio.server
import socketio
from engineio import packet
from engineio.packet import Packet

from koyjabo import addresses
from koyjabo.events import ABUSE, GOING_AWAY
from koyjabo.server.connection import Connection
from koyjabo.server.connections import LONGEST_LIFE_S, ConnectionLoop
from koyjabo.server.delays import DelayLine
from koyjabo.server.engine_socket import EngineSocket

log = logging.getLogger(__name__)

UPGRADE_TIMEOUT_S = 10.0
"""How long a WebSocket has to become that of its polling client."""

MOST_ATTACHMENTS = 10
KEPT = ("REQUEST_METHOD", "PATH_INFO", "SCRIPT_NAME", "QUERY_STRING", "REMOTE_ADDR", "SERVER_NAME", "SERVER_PORT",
        "SERVER_PROTOCOL", "HTTP_HOST", "HTTP_ORIGIN", "HTTP_USER_AGENT", "HTTP_COOKIE", "HTTP_AUTHORIZATION",
        "wsgi.url_scheme", "flask.app")  # fmt: skip
NOTHING = io.BytesIO()


class Engine:
    """Pings Engine.IO's clients and finds the dead ones, whatever their transport: one sweep for all."""

    def __init__(self, server: socketio.Server, connections: ConnectionLoop) -> None:
        engineio.server.socket.Socket = EngineSocket
        self._socketio = server
        self._server = server.eio
        self._server.engine = self
        self._connections = connections
        self._connect, self._server.handlers["connect"] = self._server.handlers["connect"], self._on_connect
        self._message, self._server.handlers["message"] = self._server.handlers["message"], self._on_message
        self._pings: DelayLine[EngineSocket] = DelayLine(self._server.ping_interval, self._ping)
        self._verdicts: DelayLine[tuple[EngineSocket, float]] = DelayLine(self._server.ping_timeout, self._judge)
        self._upgrades: DelayLine[tuple[EngineSocket, Connection]] = DelayLine(UPGRADE_TIMEOUT_S, self._end_unfinished)

    @property
    def sweep_interval_s(self) -> float:
        return min(1.0, self._server.ping_interval / 10, self._server.ping_timeout / 10)

    def sweep(self) -> None:
        self._pings.run_due()
        self._verdicts.run_due()
        self._upgrades.run_due()

    def end_polling(self) -> None:
        """The server is going away: let the requests that wait for news have their answer."""
        for client in list(self._server.sockets.values()):
            if client.connection is None:
                client.close(abort=True)

    # For its clients.

    def ping_later(self, client: EngineSocket) -> None:
        self._pings.delay_s = self._server.ping_interval
        self._pings.put(client)

    def await_upgrade(self, client: EngineSocket, connection: Connection) -> None:
        self._upgrades.put((client, connection))

    def release(self, client: EngineSocket) -> None:
        """A client polls no more."""
        if client.counted_as is not None:
            self._connections.release(client.counted_as)
            client.counted_as = None

    # For python-engineio.

    def _on_connect(self, sid: str, environ: dict[str, Any]) -> Any:
        """Returns what python-engineio refuses it with, or what python-socketio says."""
        client = self._server.sockets[sid]
        if environ.get("HTTP_UPGRADE") is None:  # a WebSocket is counted when it is taken over
            address = addresses.counted(environ)
            if not self._connections.reserve(address):
                return "too many connections, try again later"
            client.counted_as = address
        return self._connect(sid, _thinned(environ))

    def _on_message(self, sid: str, message: str | bytes) -> Any:
        """What is no Socket.IO packet ends the connection; python-socketio would log it, and go on."""
        try:
            if isinstance(message, str) and not self._is_packet(message):
                raise ValueError("not a packet of Socket.IO")
            if isinstance(message, bytes) and sid not in self._socketio._binary_packet:
                raise ValueError("an attachment of nothing")
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            client = self._server.sockets.get(sid)
            if client is not None:
                client.refuse()
            return None
        return self._message(sid, message)

    def _is_packet(self, message: str) -> bool:
        """Raises what its decoder raises."""
        decoded = self._socketio.packet_class(encoded_packet=message)
        kind, data = decoded.packet_type, decoded.data
        if kind in (socketio.packet.EVENT, socketio.packet.BINARY_EVENT):
            is_event = isinstance(data, list) and bool(data) and isinstance(data[0], str)
            return is_event and decoded.attachment_count <= MOST_ATTACHMENTS
        if kind in (socketio.packet.ACK, socketio.packet.BINARY_ACK):
            is_ack = isinstance(data, list) and decoded.id is not None
            return is_ack and decoded.attachment_count <= MOST_ATTACHMENTS
        return kind in (socketio.packet.CONNECT, socketio.packet.DISCONNECT)

    # When something is due.

    def _ping(self, client: EngineSocket) -> None:
        if client.closed or client.closing:
            self._server.sockets.pop(client.sid, None)  # one that polled, said goodbye, and never polled again
            return
        if time.monotonic() - client.born > LONGEST_LIFE_S:
            client.end(GOING_AWAY, "open for a day: come back")
            return
        if client.connection is not None:
            client.connection.count_anew()
        client.last_ping = now = time.time()
        client.send(Packet(packet.PING))
        self._verdicts.delay_s = self._server.ping_timeout
        self._verdicts.put((client, now))

    def _judge(self, pinged: tuple[EngineSocket, float]) -> None:
        client, at = pinged
        if client.last_ping == at or client.closed:
            client.close(reason=self._server.reason.PING_TIMEOUT)
            self._server.sockets.pop(client.sid, None)

    def _end_unfinished(self, upgrade: tuple[EngineSocket, Connection]) -> None:
        client, connection = upgrade
        if connection is not client.connection:
            connection.close(ABUSE, "not upgraded in time")


def _thinned(environ: dict[str, Any]) -> dict[str, Any]:
    """python-socketio keeps it for as long as the client is connected: only what handlers may ask for."""
    return {name: environ[name] for name in KEPT if name in environ} | {"wsgi.input": NOTHING}
