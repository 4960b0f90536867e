"""Engine.IO over our connections: python-engineio keeps its protocol, and its clients cost no greenlets.

It relies on unpublished parts of python-engineio (4.15.1, pinned): `engineio.server` making its clients from
`socket.Socket`; `_upgrade_websocket` being called to answer an upgrade; `schedule_ping` being called when a client has
connected and when it has answered a ping; a client's `queue` being all that stands between `send` and the wire; and
`handlers`, `handle_request` and `_ok` being looked up on the server each time. It also relies on a sentence of
python-socketio (5.18.1, pinned).
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

import engineio.server
import socketio
from engineio import packet
from engineio.packet import Packet

from koyjabo.errors import KoyJaboError
from koyjabo.network import client_address
from koyjabo.realtime.close_codes import ABUSE, GOING_AWAY, NORMAL
from koyjabo.realtime.strict_packets import InvalidPacket
from koyjabo.server.websockets.connection import Connection
from koyjabo.server.websockets.connection_loop import ConnectionLoop, is_old
from koyjabo.server.websockets.delay_line import DelayLine
from koyjabo.server.websockets.engineio_socket import EngineSocket

UPGRADE_TIMEOUT_S = 10.0
"""How long a WebSocket has to become that of its polling client."""

METHODS = ("GET", "POST", "OPTIONS")
KEPT = ("REQUEST_METHOD", "PATH_INFO", "SCRIPT_NAME", "QUERY_STRING", "REMOTE_ADDR", "SERVER_NAME", "SERVER_PORT",
        "SERVER_PROTOCOL", "HTTP_HOST", "HTTP_ORIGIN", "HTTP_USER_AGENT", "HTTP_COOKIE", "HTTP_AUTHORIZATION",
        "wsgi.url_scheme", "flask.app")  # fmt: skip
NOTHING = io.BytesIO()
POLLING = "polling"
NOWHERE_CONNECTED = "Unexpected binary packet"
"""What python-socketio says of one that is for a namespace its client is not connected to."""


class Engine:
    """Pings Engine.IO's clients and finds the dead ones, whatever their transport: one sweep for all."""

    def __init__(self, server: socketio.Server, connections: ConnectionLoop) -> None:
        engineio.server.socket.Socket = EngineSocket
        self._server = server.eio
        self._server.engine = self
        self._connections = connections
        self._connect, self._server.handlers["connect"] = self._server.handlers["connect"], self._on_connect
        self._message, self._server.handlers["message"] = self._server.handlers["message"], self._on_message
        self._engineio, self._server.handle_request = self._server.handle_request, self._handle_request
        self._engineio_ok, self._server._ok = self._server._ok, self._ok
        self._pings: DelayLine[EngineSocket] = DelayLine(0, self._ping)
        self._verdicts: DelayLine[EngineSocket] = DelayLine(0, self._judge)
        self._upgrades: DelayLine[tuple[EngineSocket, Connection]] = DelayLine(UPGRADE_TIMEOUT_S, self._end_unfinished)

    @property
    def sweep_interval_s(self) -> float:
        """Until something is due. Not for each of thousands: what is due a little later goes with it."""
        soonest_s = min(self._pings.due_in_s, self._verdicts.due_in_s, self._server.ping_interval, 1.0)
        return max(soonest_s, min(1.0, self._server.ping_timeout / 20))

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
        """It has just answered, or connected: judge by that, whenever its ping may go out."""
        self._pings.delay_s = self._server.ping_interval
        self._pings.put(client)
        self._verdicts.delay_s = self._server.ping_interval + self._server.ping_timeout
        client.dead_at = time.monotonic() + self._verdicts.delay_s
        self._verdicts.put(client)

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
        if _transport(environ) == POLLING:  # a WebSocket is counted when it is taken over
            address = client_address.counted(environ)
            if not self._connections.reserve(address):
                return "too many connections, try again later"
            client.counted_as = address
        return self._connect(sid, _thinned(environ))

    def _on_message(self, sid: str, message: str | bytes) -> Any:
        """What is no packet ends the connection; python-engineio would log what its handler raises, and go on."""
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
                raise  # else it went while its handler waited

    def _refuse(self, sid: str) -> None:
        if client := self._server.sockets.get(sid):
            client.refuse()

    def _handle_request(self, environ: dict[str, Any], start_response: Callable) -> Any:
        """As python-engineio, and with the refusals of the protocol that it leaves out."""
        query = _query(environ)
        if environ["REQUEST_METHOD"] not in METHODS or "transport" not in query:
            refused = self._server._bad_request("transport must be polling or websocket, by GET or POST")
            return self._answer(refused, environ, start_response)
        client = self._server.sockets.get(query.get("sid", [""])[0])
        if client is not None:
            if client.awaits_last_poll and environ["REQUEST_METHOD"] == "GET":
                self._server.sockets.pop(client.sid, None)
                return self._answer(self._server._ok([Packet(packet.NOOP)]), environ, start_response)
            self._judge(client)
            if client.upgraded and environ.get("HTTP_UPGRADE", "").lower() == "websocket":
                with suppress(KoyJaboError):  # one that has a WebSocket needs no other
                    spare = environ["koyjabo.websockets"].accept(environ, client)
                    spare.close(NORMAL)
                    spare.start()
                    return []
        return self._engineio(environ, start_response)

    def _answer(self, answer: dict[str, Any], environ: dict[str, Any], start_response: Callable) -> list[bytes]:
        start_response(answer["status"], answer["headers"] + self._server._cors_headers(environ))
        return [answer["response"]]

    def _ok(self, *packets: Any, **options: Any) -> dict[str, Any]:
        answer = self._engineio_ok(*packets, **options)
        return {**answer, "response": b"ok"} if answer["response"] == b"OK" else answer

    # When something is due.

    def _ping(self, client: EngineSocket) -> None:
        if client.closed or client.closing:
            self._server.sockets.pop(client.sid, None)  # one that polled, said goodbye, and never polled again
            return
        if is_old(client):
            client.end(GOING_AWAY, "open for a day: come back")
            return
        if client.connection is not None:
            client.connection.count_anew()
        client.last_ping = time.time()
        client.send(Packet(packet.PING))

    def _judge(self, client: EngineSocket) -> None:
        if client.closed or time.monotonic() >= client.dead_at:
            client.close(reason=self._server.reason.PING_TIMEOUT)
            self._server.sockets.pop(client.sid, None)

    def _end_unfinished(self, upgrade: tuple[EngineSocket, Connection]) -> None:
        client, connection = upgrade
        if connection is not client.connection:
            connection.close(ABUSE, "not upgraded in time")


def _query(environ: dict[str, Any]) -> dict[str, list[str]]:
    return parse_qs(environ.get("QUERY_STRING", ""))


def _transport(environ: dict[str, Any]) -> str:
    """By which it comes, as python-engineio has it: nobody polls any less for an `Upgrade` that leads nowhere."""
    return _query(environ)["transport"][0]


def _thinned(environ: dict[str, Any]) -> dict[str, Any]:
    """python-socketio keeps it for as long as the client is connected: only what handlers may ask for."""
    return {name: environ[name] for name in KEPT if name in environ} | {"wsgi.input": NOTHING}
