"""An Engine.IO client: python-engineio handles its polls, and our connection handles its WebSocket."""

import time
from math import inf
from random import getrandbits
from typing import Any
from wsgiref.types import StartResponse

from engineio import packet
from engineio.exceptions import EngineIOError, SocketIsClosedError
from engineio.packet import Packet
from engineio.socket import Socket

from koyjabo.base.core.close_codes import ABUSE, CLEAN_CLOSES, NORMAL_CLOSE
from koyjabo.base.core.errors import BadHandshake, KoyJaboError
from koyjabo.realtime.frames import BINARY_OPCODE, TEXT_OPCODE, frame
from .websocket_connection import WebSocketConnection

MAX_PACKETS = 100
"""Maximum number of packets waiting for a client's next poll. Beyond this, the client is closed."""

PACKET_ERRORS = (ValueError, KeyError, IndexError, TypeError)
PONG_TEXT = str(packet.PONG)
PROBE_TEXT = f"{packet.PING}probe"
PROBE_RESPONSE = frame(f"{packet.PONG}probe")
UPGRADE_TEXT = str(packet.UPGRADE)


class EngineSocket(Socket):
    queue: Any
    connected: bool
    last_ping: float | None
    pings = False  # no WebSocket pings, because Engine.IO has its own
    connection: WebSocketConnection | None = None
    counted_as: str | None = None
    """The address that the client counts towards while it polls."""
    dead_at = inf
    """The deadline for its response to a ping, monotonic, s."""
    awaits_last_poll = False
    """Set if the client was closed while no poll was waiting, so that one more poll gets a response."""
    _probed: WebSocketConnection | None = None
    _polls = False

    def __init__(self, server: Any, sid: str) -> None:
        super().__init__(server, sid)
        self.born = self._heard = time.monotonic()
        self.chance = getrandbits(8)

    @property
    def largest_message(self) -> int:
        return int(self.server.max_http_buffer_size)

    @property
    def silent_ms(self) -> int:
        """The time since the client's last data. If we closed the connection while the client was still responding to
        pings, the time since then.
        """
        if self.connection is not None:
            return self.connection.silent_ms
        return round(1000 * (time.monotonic() - self._heard))

    @property
    def is_late(self) -> bool:
        """Whether the client has missed the deadline for responding to a ping."""
        return time.monotonic() >= self.dead_at

    def check_ping_timeout(self) -> bool:
        """Do nothing: the sweep closes silent clients, after reading all data that has arrived."""
        if self.closed:
            raise SocketIsClosedError
        return True

    def send(self, pkt: Packet) -> None:
        if pkt.packet_type == packet.OPEN:  # python-engineio rounds to whole seconds
            pkt.data["pingInterval"] = round(self.server.ping_interval * 1000)
        if self.connection is None and self.queue.qsize() >= MAX_PACKETS:
            self.close(abort=True)
        else:
            super().send(pkt)

    def close(self, wait: bool = False, abort: bool = False, reason: str | None = None) -> None:
        """Close without waiting for a poll to fetch the remaining packets, because no poll may come."""
        if not self.last_ping:
            self._heard = time.monotonic()
        super().close(wait=False, abort=abort, reason=reason)
        self.server.engine.release(self)

    def end(self, code: int, why: str) -> None:
        """Close the client, with a close code if it has a WebSocket."""
        if self.connection is not None:
            self.connection.close(code, why)
        else:
            self.close()

    def refuse(self) -> None:
        self.end(ABUSE, "not valid Engine.IO or Socket.IO")

    def poll(self) -> list[Packet]:
        """Wait for packets. If a second poll arrives, raises EngineIOError and ends both."""
        if self._polls:
            self.close()
            raise EngineIOError
        self._polls = True
        try:
            packets: list[Packet] = super().poll()
        finally:
            self._polls = False
        return packets

    def receive(self, pkt: Packet) -> None:
        self._heard = time.monotonic()
        if pkt.packet_type == packet.CLOSE and self.connection is None:
            self.queue.put(Packet(packet.NOOP))  # responds to the waiting poll,
            self.awaits_last_poll = not self._polls  # or to the next one
        super().receive(pkt)

    def handle_post_request(self, environ: dict[str, Any]) -> None:
        try:
            super().handle_post_request(environ)
        except (EngineIOError, *PACKET_ERRORS):
            self.close(abort=True)
            self.server.sockets.pop(self.sid, None)
            raise EngineIOError from None

    def schedule_ping(self) -> None:
        if self.last_ping:
            self.last_ping = None
            self.server.engine.ping_later(self)

    def handle_get_request(self, environ: dict[str, Any], start_response: StartResponse) -> Any:
        """Handle a poll or an upgrade. If a new client's handshake is refused, close the client, because it will not
        return. Without `Connection: Upgrade`, python-engineio would treat such a handshake as a poll.
        """
        response = super().handle_get_request(environ, start_response)
        if self.connected:
            return response
        self.close(abort=True)
        return response if isinstance(response, dict) else self.server._bad_request(BadHandshake.sentence)

    def _upgrade_websocket(self, environ: dict[str, Any], start_response: StartResponse) -> Any:
        self.upgrading = self.connected
        try:
            connection = environ["koyjabo.websockets"].accept(environ, self)
        except KoyJaboError as error:
            self.upgrading = False
            return self.server._bad_request(str(error))
        if not self.connected:
            self.connected = True
            self._switch_to(connection)
        else:
            self.server.engine.await_upgrade(self, connection)
        connection.start()
        return []

    # Methods that the connection calls on its owner

    def received(self, connection: WebSocketConnection, message: str | bytes) -> None:
        if message == PONG_TEXT and connection is self.connection:
            self.schedule_ping()
        elif connection is self.connection:
            connection.run_in_order(lambda: self._receive(message))
        else:
            self._probe(connection, message)

    def ended(self, connection: WebSocketConnection, code: int) -> None:
        if connection is self.connection:
            reasons = self.server.reason
            is_clean = code in CLEAN_CLOSES
            self.close(abort=True, reason=reasons.CLIENT_DISCONNECT if is_clean else reasons.TRANSPORT_CLOSE)
            self.server.sockets.pop(self.sid, None)
        elif self.connection is None:
            self.upgrading = False

    def _receive(self, message: str | bytes) -> None:
        if self.closed:
            return  # the message arrived before the client disconnected
        try:
            self.receive(Packet(encoded_packet=message))
        except (EngineIOError, *PACKET_ERRORS):
            self.refuse()

    def _probe(self, connection: WebSocketConnection, message: str | bytes) -> None:
        """Handle the steps of an upgrade from polling: probe, response, a NOOP that ends the waiting poll, then the
        switch.
        """
        if self.closed:
            connection.close(NORMAL_CLOSE)
        elif message == PROBE_TEXT and self.connection is None:
            self._probed = connection
            connection.write(PROBE_RESPONSE)
            self.queue.put(Packet(packet.NOOP))
        elif message == UPGRADE_TEXT and connection is self._probed:
            self._switch_to(connection)
        else:
            self.upgrading = False
            connection.close(ABUSE, "not an upgrade")

    def _switch_to(self, connection: WebSocketConnection) -> None:
        waiting, self.queue = self.queue, DirectQueue(connection)
        self.connection = connection
        self.upgraded, self.upgrading, self._probed = True, False, None
        self.server.engine.release(self)
        while not waiting.empty():
            waiting_packet = waiting.get(block=False)
            if (
                waiting_packet is None or waiting_packet.packet_type != packet.NOOP
            ):  # a NOOP was meant for a waiting poll
                self.queue.put(waiting_packet)


class DirectQueue:
    """Replaces the queue of python-engineio's writing task: packets are written to the connection at once."""

    __slots__ = ("_connection",)

    def __init__(self, connection: WebSocketConnection) -> None:
        self._connection = connection

    def put(self, each: Packet | None) -> None:
        if each is None:  # python-engineio's end marker
            self._connection.close(NORMAL_CLOSE)
            return
        data = each.encode()
        self._connection.write(frame(data, TEXT_OPCODE if isinstance(data, str) else BINARY_OPCODE))
