"""WebSockets of both kinds that reconnect until the server closes them for good."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from struct import pack, unpack
from typing import Any

from support.clients.websocket import ACCEPT, CLOSE, PING, PONG, SOCKETIO, TEXT, close, frame, take_frame, upgrade

from chaos.event_loop import EventLoop
from chaos.journal import Visit

COMES_BACK_S = (0.2, 1.0)
OPENS_WITHIN_S = 20.0
"""How long a client waits before it retries. A handshake may have to wait for a frozen worker and for the database."""

RESET = pack("ii", 1, 0)
AWAY, OPENING, OPEN = "away", "opening", "open"


class WebSocketClient:
    """`on_event(event)` receives events. Before that, `on_open()` is called when a socket is accepted.

    After connecting, it names `visit`, if set.
    """

    def __init__(self, event_loop: EventLoop, path: str = "/", header: Callable[[], str] | None = None) -> None:
        self.event_loop = event_loop
        self._header = header
        self.state = AWAY
        self.should_be_open = False
        self.on_open: Callable[[], None] = lambda: None
        self.on_event: Callable[[dict[str, Any]], None] = lambda event: None
        self.on_close_code: Callable[[int], None] = lambda code: None
        self._path = path
        self._socket: socket.socket | None = None
        self._attempt = 0
        self.visit: Visit | None = None
        self.times_open: list[tuple[float, float]] = []
        """Beginning and end of each connection, from the attempt to open it on, monotonic s."""

    def open(self) -> None:
        self.should_be_open = True
        if self.state != AWAY:
            return
        self.state = OPENING
        self._attempt += 1
        self._received = bytearray()
        self._began = time.monotonic()
        self._request = upgrade(self._path, *([self._header()] if self._header else []))
        self._accepted = False
        self._socket = self._new_socket()
        self._socket.connect_ex(("127.0.0.1", self.event_loop.port))
        self.event_loop.register(self._socket.fileno(), self, select.EPOLLOUT)
        self.event_loop.later(OPENS_WITHIN_S, lambda attempt=self._attempt: self._give_up(attempt))

    def leave(self, code: int = 1000) -> None:
        """Close for good with code 1000, or with 1001 like a page that is unloaded."""
        self.should_be_open = False
        if self.state != AWAY:
            with suppress(OSError):
                assert self._socket is not None
                self._socket.send(close(code))
            self._end()

    def vanish(self) -> None:
        """Stop for good with RST, without a closing handshake."""
        self.should_be_open = False
        self.reset()

    def reset(self) -> None:
        """Break the connection with RST, and reconnect."""
        if self.state != AWAY:
            assert self._socket is not None
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self._end()

    def on_ready(self) -> None:
        assert self._socket is not None
        try:
            if self._request:
                self._socket.send(self._request)
                self._request = b""
                self.event_loop.read_only(self._socket.fileno())
                return
            data = self._socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        self._received += data
        self._take()

    def opened(self) -> None:
        """Mark the handshake as complete."""
        self.state = OPEN

    def _new_socket(self) -> socket.socket:
        made = socket.socket()
        made.setblocking(False)
        return made

    def _take(self) -> None:
        if not self._accepted and not self._take_handshake():
            return
        while self.state != AWAY and (frame := take_frame(self._received)) is not None:
            self._receive(*frame)

    def _take_handshake(self) -> bool:
        end = self._received.find(b"\r\n\r\n") + 4
        if end < 4:
            return False
        head = self._received[:end].decode()
        del self._received[:end]
        status = int(head.split(" ", 2)[1])
        if status != 101:
            self.event_loop.journal.note(f"handshakes answered {status}")
            if status >= 500 and "retry-after" not in head.lower():
                self.event_loop.journal.breach(f"a handshake was answered {status} without Retry-After: {head!r}")
            self._end()
            return False
        if ACCEPT not in head:
            self.event_loop.journal.breach(f"a handshake was answered wrongly: {head!r}")
        self._accepted = True
        self._handshake_done()
        return True

    def _handshake_done(self) -> None:
        self.on_open()
        self.opened()
        if self.visit:
            self.say(json.dumps({"type": "visitor", "visitorId": self.visit[0], "visitId": self.visit[1]}))

    def _receive(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self._receive_text(payload)
        elif opcode == PING:
            self.say(payload, PONG)
        elif opcode == CLOSE:
            code = unpack("!H", payload[:2])[0] if payload else 1005
            self.event_loop.journal.note(f"sockets closed with {code}")
            self.say(payload[:2], CLOSE)
            self.on_close_code(code)
            self._end()

    def _receive_text(self, payload: bytes) -> None:
        self.on_event(json.loads(payload))

    def say(self, payload: bytes | str, opcode: int = TEXT) -> None:
        with suppress(OSError):
            assert self._socket is not None
            self._socket.send(frame(payload, opcode))

    def _give_up(self, attempt: int) -> None:
        if self.state == OPENING and self._attempt == attempt:
            self.event_loop.journal.note("sockets that took too long to open")
            self.reset()

    def _end(self) -> None:
        if self._socket is None:
            return
        self.event_loop.forget(self._socket.fileno())
        self._socket.close()
        self._socket, self.state = None, AWAY
        self.times_open.append((self._began, time.monotonic()))
        if self.should_be_open:
            self.event_loop.journal.note("sockets that came back")
            self.event_loop.later(self.event_loop.chance.uniform(*COMES_BACK_S), self._come_back)

    def _come_back(self) -> None:
        if self.should_be_open:
            self.open()


class SocketioClient(WebSocketClient):
    """A Socket.IO client that never polls. After connecting it sends `join`, if given."""

    def __init__(self, event_loop: EventLoop, join: Callable[[], dict[str, Any]] | None = None) -> None:
        super().__init__(event_loop, SOCKETIO)
        self._join = join

    def leave(self, code: int = 1000) -> None:
        """Close for good: with 1001 like an unloading page, without a Socket.IO message; with 1000 after a Socket.IO
        disconnect packet.
        """
        if code == 1000 and self.state != AWAY:
            self.say("41")
        super().leave(code)

    def _handshake_done(self) -> None:
        """Do nothing yet: the Engine.IO and Socket.IO handshakes still follow."""

    def _receive_text(self, payload: bytes) -> None:
        text = payload.decode()
        if text.startswith("0{"):
            names = json.dumps({"visitorId": self.visit[0], "visitId": self.visit[1]}) if self.visit else ""
            self.say(f"40{names}")
        elif text == "2":
            self.say("3")
        elif text.startswith("40"):
            self._connected()
        elif text.startswith("42"):
            _, event = json.loads(text[2:])
            self.on_event(event)
        elif text.startswith("43"):
            self._joined(json.loads(text[text.index("[") :])[0])
        elif text.startswith("41"):
            self._end()

    def _connected(self) -> None:
        self.on_open()
        if self._join is None:
            self.opened()
        else:
            self.say("420" + json.dumps(["join", self._join()]))

    def _joined(self, answer: dict[str, Any]) -> None:
        if answer["ok"]:
            self.opened()
            return
        self.event_loop.journal.note(f"joins answered {answer['code']}")
        if isinstance(answer["code"], int):
            self.on_close_code(answer["code"])
        self.reset()
