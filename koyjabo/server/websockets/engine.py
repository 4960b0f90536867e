"""Runs python-engineio on our connections, so that its clients need no tasks.

This relies on undocumented parts of it (4.15.1, pinned): `engineio.server` creates its clients from `socket.Socket`. It
calls `_upgrade_websocket` to respond to an upgrade, and `schedule_ping` when a client has connected or responded to a
ping. A client's `queue` is the only step between `send` and the connection. The server looks up `handlers`,
`handle_request` and `_ok` on itself on each call. It also relies on the text of a python-socketio error (5.18.1,
pinned).
"""

import io
import time
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse

import engineio.server
from engineio import packet
from engineio.packet import Packet
from socketio import Server

from koyjabo.base.core.close_codes import ABUSE, GOING_AWAY, NORMAL_CLOSE
from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.network import client_address
from koyjabo.realtime.strict_packets import InvalidPacket
from .connection_loop import ConnectionLoop, is_old
from .delay_line import DelayLine
from .engineio_socket import EngineSocket
from .websocket_connection import WebSocketConnection

UPGRADE_TIMEOUT_S = 10.0
"""How long a polling client has to upgrade to a WebSocket, s."""

ENGINEIO_METHODS = ("GET", "POST")
OLD_CLIENT = "use Socket.IO 5: socket.io-client version 3 or newer, python-socketio version 5 or newer"

KEPT_VARIABLES = (
    *("REQUEST_METHOD", "PATH_INFO", "SCRIPT_NAME", "QUERY_STRING", "REMOTE_ADDR", "SERVER_NAME", "SERVER_PORT"),
    *("SERVER_PROTOCOL", "HTTP_HOST", "HTTP_ORIGIN", "HTTP_USER_AGENT", "HTTP_COOKIE", "HTTP_AUTHORIZATION"),
    *("wsgi.url_scheme", "flask.app", client_address.NO_LIMIT),
)

EMPTY_INPUT = io.BytesIO()
POLLING = "polling"

NOWHERE_CONNECTED = "Unexpected binary packet"
"""python-socketio's error text for a binary packet in a namespace that the client is not connected to."""


class Engine:
    """Pings the Engine.IO clients of both transports and closes dead ones, all in one sweep."""

    def __init__(self, server: Server, connections: ConnectionLoop) -> None:
        engineio.server.socket.Socket = EngineSocket
        self._server = server.eio
        self._server.engine = self
        self._connections = connections
        self._connect, self._server.handlers["connect"] = self._server.handlers["connect"], self._on_connect
        self._message, self._server.handlers["message"] = self._server.handlers["message"], self._on_message
        self._engineio, self._server.handle_request = self._server.handle_request, self._handle_request
        self._engineio_ok, self._server._ok = self._server._ok, self._ok
        self._pings: DelayLine[EngineSocket] = DelayLine(0, self._ping)
        self._pong_checks: DelayLine[EngineSocket] = DelayLine(0, self._check_pong)
        self._upgrades: DelayLine[tuple[EngineSocket, WebSocketConnection]] = DelayLine(
            UPGRADE_TIMEOUT_S, self._end_unfinished
        )

    @property
    def sweep_interval_s(self) -> float:
        """Time until the next item is due, but at least a twentieth of the ping time-out, so that a sweep handles many
        items together.
        """
        soonest_s: float = min(self._pings.due_in_s, self._pong_checks.due_in_s, self._server.ping_interval, 1.0)
        shortest_s: float = min(1.0, self._server.ping_timeout / 20)
        return max(soonest_s, shortest_s)

    def sweep(self) -> None:
        self._pings.run_due()
        self._pong_checks.run_due()
        self._upgrades.run_due()

    def end_polling(self) -> None:
        """Close the polling clients, which ends their waiting requests, because the server is stopping."""
        for client in list(self._server.sockets.values()):
            if client.connection is None:
                client.close(abort=True)

    # Methods that clients call

    def ping_later(self, client: EngineSocket) -> None:
        """Schedule the next ping of a client that has connected or responded. The deadline for its response counts from
        now.
        """
        self._pings.delay_s = self._server.ping_interval
        self._pings.put(client)
        self._pong_checks.delay_s = self._server.ping_interval + self._server.ping_timeout
        client.dead_at = time.monotonic() + self._pong_checks.delay_s
        self._pong_checks.put(client)

    def await_upgrade(self, client: EngineSocket, connection: WebSocketConnection) -> None:
        self._upgrades.put((client, connection))

    def release(self, client: EngineSocket) -> None:
        """Stop counting a client that no longer polls."""
        if client.counted_as is not None:
            self._connections.release(client.counted_as)
            client.counted_as = None

    # Methods that python-engineio calls

    def _on_connect(self, sid: str, environ: dict[str, Any]) -> Any:
        """Admit a client. Returns a refusal for python-engineio, or the result of python-socketio's handler."""
        client = self._server.sockets[sid]
        # As in python-engineio, the query decides, not the `Upgrade` header. The connection loop counts WebSockets.
        if _query(environ)["transport"][0] == POLLING:
            address = client_address.limit_key(environ)
            if not self._connections.reserve(address):
                return "too many connections, try again later"
            client.counted_as = address
        return self._connect(sid, _reduced(environ))

    def _on_message(self, sid: str, message: str | bytes) -> Any:
        """Handle a message. Closes the connection after an invalid packet; python-engineio would log the exception and
        continue.
        """
        try:
            return self._message(sid, message)
        except InvalidPacket:
            self._refuse(sid)
        except ValueError as error:
            if str(error) != NOWHERE_CONNECTED:
                raise
            self._refuse(sid)
        except KeyError:
            if sid in self._server.sockets:
                raise  # otherwise the client disconnected while its handler was blocked

    def _refuse(self, sid: str) -> None:
        if client := self._server.sockets.get(sid):
            client.refuse()

    def _handle_request(self, environ: dict[str, Any], start_response: StartResponse) -> Any:
        """Handle a request like python-engineio, but refuse what the protocol forbids even if python-engineio accepts
        it.
        """
        query = _query(environ)
        if environ["REQUEST_METHOD"] not in ENGINEIO_METHODS or "transport" not in query:
            refused = self._server._bad_request("transport must be polling or websocket, with GET or POST")
            return _respond(refused, start_response)
        if "sid" not in query and query.get("EIO") != ["4"]:
            return _respond(self._server._bad_request(OLD_CLIENT), start_response)
        client = self._server.sockets.get(query.get("sid", [""])[0])
        if client is not None:
            if client.awaits_last_poll and environ["REQUEST_METHOD"] == "GET":
                self._server.sockets.pop(client.sid, None)
                return _respond(self._server._ok([Packet(packet.NOOP)]), start_response)
            self._check_pong(client)
            if client.upgraded and environ.get("HTTP_UPGRADE", "").lower() == "websocket":
                with suppress(KoyJaboError):  # the client already has a WebSocket
                    spare = environ["koyjabo.websockets"].accept(environ, client)
                    spare.close(NORMAL_CLOSE)
                    spare.start()
                    return []
        return self._engineio(environ, start_response)

    def _ok(self, *packets: Any, **options: Any) -> dict[str, Any]:
        response = self._engineio_ok(*packets, **options)
        return {**response, "response": b"ok"} if response["response"] == b"OK" else response

    # Actions on due items

    def _ping(self, client: EngineSocket) -> None:
        if client.closed or client.closing:
            self._server.sockets.pop(client.sid, None)  # a polling client that has closed and not polled since
            return
        if is_old(client):
            client.end(GOING_AWAY, "open for a day; connect again")
            return
        if client.connection is not None:
            client.connection.pinged()
        client.last_ping = time.time()
        client.send(Packet(packet.PING))

    def _check_pong(self, client: EngineSocket) -> None:
        if client.is_late and client.connection is not None and client.connection.is_open:
            client.connection.read()  # after the machine was suspended, a pong may not have been read yet
        if client.closed or client.is_late:
            client.close(reason=self._server.reason.PING_TIMEOUT)
            self._server.sockets.pop(client.sid, None)

    def _end_unfinished(self, upgrade: tuple[EngineSocket, WebSocketConnection]) -> None:
        client, connection = upgrade
        if connection is not client.connection:
            connection.close(ABUSE, "not upgraded in time")


def _query(environ: dict[str, Any]) -> dict[str, list[str]]:
    return parse_qs(environ.get("QUERY_STRING", ""))


def _respond(response: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    start_response(response["status"], response["headers"])
    return [response["response"]]


def _reduced(environ: dict[str, Any]) -> dict[str, Any]:
    """The part of the environment that handlers need. python-socketio keeps it as long as the client is connected."""
    return {name: environ[name] for name in KEPT_VARIABLES if name in environ} | {"wsgi.input": EMPTY_INPUT}
