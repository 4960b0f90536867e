"""Engine.IO over our connections: python-engineio keeps its protocol, and its clients cost no greenlets.

It relies on unpublished parts of python-engineio (4.15.1, pinned): `engineio.server` making its clients from
`socket.Socket`; `_upgrade_websocket` being called to answer an upgrade; `schedule_ping` being called when a client has
connected and when it has answered a ping; and a client's `queue` being all that stands between `send` and the wire.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import engineio
import engineio.server
from engineio import packet
from engineio.exceptions import EngineIOError
from engineio.packet import Packet
from engineio.socket import Socket

from koyjabo.errors import BadHandshake, KoyJaboError
from koyjabo.realtime.frames import BINARY, TEXT, frame
from koyjabo.server.connection import ABUSE, GOING_AWAY, Connection
from koyjabo.server.connections import LONGEST_LIFE_S
from koyjabo.server.delays import DelayLine

NORMAL = 1000
UPGRADE_TIMEOUT_S = 10.0
"""How long a WebSocket has to become that of its polling client."""

PONG = str(packet.PONG)
PROBE = f"{packet.PING}probe"
PROBED = frame(f"{packet.PONG}probe")
UPGRADE = str(packet.UPGRADE)
KEPT = ("REQUEST_METHOD", "PATH_INFO", "SCRIPT_NAME", "QUERY_STRING", "REMOTE_ADDR", "SERVER_NAME", "SERVER_PORT",
        "SERVER_PROTOCOL", "HTTP_HOST", "HTTP_ORIGIN", "HTTP_USER_AGENT", "HTTP_COOKIE", "HTTP_AUTHORIZATION",
        "wsgi.url_scheme", "flask.app")  # fmt: skip
NOTHING = io.BytesIO()


class Engine:
    """Pings Engine.IO's clients and finds the dead ones, whatever their transport: one sweep for all."""

    def __init__(self, server: engineio.Server) -> None:
        engineio.server.socket.Socket = EngineSocket
        server.engine = self
        self._server = server
        self._pings: DelayLine[EngineSocket] = DelayLine(server.ping_interval, self._ping)
        self._verdicts: DelayLine[tuple[EngineSocket, float]] = DelayLine(server.ping_timeout, self._judge)
        self._upgrades: DelayLine[tuple[EngineSocket, Connection]] = DelayLine(UPGRADE_TIMEOUT_S, self._end_unfinished)

    @property
    def sweep_interval_s(self) -> float:
        return min(1.0, self._server.ping_interval / 10, self._server.ping_timeout / 10)

    def sweep(self) -> None:
        self._pings.run_due()
        self._verdicts.run_due()
        self._upgrades.run_due()

    def ping_later(self, client: EngineSocket) -> None:
        self._pings.delay_s = self._server.ping_interval
        self._pings.put(client)

    def await_upgrade(self, client: EngineSocket, connection: Connection) -> None:
        self._upgrades.put((client, connection))

    def end_polling(self) -> None:
        """The server is going away: let the requests that wait for news have their answer."""
        for client in list(self._server.sockets.values()):
            if client.connection is None:
                client.close(wait=False, abort=True)

    def _ping(self, client: EngineSocket) -> None:
        if client.closed or client.closing:
            self._server.sockets.pop(client.sid, None)  # one that polled, said goodbye, and never polled again
            return
        if client.connection is not None and time.monotonic() - client.connection.born > LONGEST_LIFE_S:
            client.connection.close(GOING_AWAY, "open for a day: come back")
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
            client.close(wait=False, abort=False, reason=self._server.reason.PING_TIMEOUT)
            self._server.sockets.pop(client.sid, None)

    def _end_unfinished(self, upgrade: tuple[EngineSocket, Connection]) -> None:
        client, connection = upgrade
        if connection is not client.connection:
            connection.close(ABUSE, "not upgraded in time")


class EngineSocket(Socket):
    """An Engine.IO client. Polling, it is python-engineio's own; with a WebSocket, `connection` takes its packets."""

    queue: Any
    connected: bool
    last_ping: float | None
    pings = False  # by WebSocket: Engine.IO has its own
    connection: Connection | None = None

    @property
    def largest_message(self) -> int:
        return int(self.server.max_http_buffer_size)

    def schedule_ping(self) -> None:
        if self.last_ping:
            self.last_ping = None
            self.server.engine.ping_later(self)

    def handle_get_request(self, environ: dict[str, Any], start_response: Callable) -> Any:
        """A poll, or an upgrade. A client that begins with a handshake that is refused will not come back: forget it.

        Without `Connection: Upgrade` python-engineio would take such a handshake for a poll.
        """
        answer = super().handle_get_request(environ, start_response)
        if self.connected:
            return answer
        self.close(wait=False, abort=True)
        return answer if isinstance(answer, dict) else self.server._bad_request(BadHandshake.sentence)

    def _upgrade_websocket(self, environ: dict[str, Any], start_response: Callable) -> Any:
        self.upgrading = self.connected
        try:
            connection = environ["koyjabo.websockets"].accept(environ, self)
        except KoyJaboError as error:
            self.upgrading = False
            return self.server._bad_request(str(error))
        _thin(environ)
        if not self.connected:
            self.connected = True
            self._go_over_to(connection)
        else:
            self.server.engine.await_upgrade(self, connection)
        return []

    # As the owner of its connection.

    def received(self, connection: Connection, message: str | bytes) -> None:
        if message == PONG and connection is self.connection:
            self.schedule_ping()
        elif connection is self.connection:
            connection.in_turn(lambda: self._receive(connection, message))
        else:
            self._probe(connection, message)

    def ended(self, connection: Connection, code: int) -> None:
        if connection is self.connection:
            self.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
            self.server.sockets.pop(self.sid, None)
        elif self.connection is None:
            self.upgrading = False

    def _receive(self, connection: Connection, message: str | bytes) -> None:
        try:
            self.receive(Packet(encoded_packet=message))
        except (EngineIOError, ValueError, KeyError, IndexError, TypeError):
            connection.close(ABUSE, "not what Engine.IO and Socket.IO say")

    def _probe(self, connection: Connection, message: str | bytes) -> None:
        """The steps of an upgrade from polling: probe, answer, and a poll that ends with nothing; then go over."""
        if message == PROBE and self.connection is None:
            connection.write(PROBED)
            self.queue.put(Packet(packet.NOOP))
        elif message == UPGRADE and self.connection is None:
            self._go_over_to(connection)
        else:
            self.upgrading = False
            connection.close(ABUSE, "not an upgrade")

    def _go_over_to(self, connection: Connection) -> None:
        waiting, self.queue = self.queue, DirectQueue(connection)
        self.connection = connection
        self.upgraded, self.upgrading = True, False
        while not waiting.empty():
            self.queue.put(waiting.get(block=False))


class DirectQueue:
    """Stands where python-engineio puts packets for its writing greenlet. They are written at once instead."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, each: Packet | None) -> None:
        if each is None:  # python-engineio's mark for the end
            self._connection.close(NORMAL)
            return
        data = each.encode()
        self._connection.write(frame(data, TEXT if isinstance(data, str) else BINARY))

    def join(self) -> None:
        """Nothing is ever left in it."""


def _thin(environ: dict[str, Any]) -> None:
    """python-socketio keeps it for as long as the client is connected: leave what handlers may ask for."""
    kept = {name: environ[name] for name in KEPT if name in environ}
    environ.clear()
    environ.update(kept)
    environ["wsgi.input"] = NOTHING
