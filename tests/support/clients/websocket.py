"""A WebSocket client, byte by byte: for what libraries hide or would never send (RFC 6455)."""

from __future__ import annotations

import json
from contextlib import suppress
from struct import pack, unpack
from typing import Any, NamedTuple

from support.clients.connection import Connection, head

MORE, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL, MASKED = 0x80, 0x80
MASK = b"\x5a\xa5\x0f\xf0"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the expected response to that key (RFC 6455, 1.3)
PLAIN = "/"
SOCKETIO = "/socket.io/?EIO=4&transport=websocket"


class Frame(NamedTuple):
    opcode: int
    payload: bytes


class CloseFrame(NamedTuple):
    code: int | None
    reason: str


class Lost(Exception):
    """The server closed the connection without a close frame. A message means it was reset."""


def upgrade(path: str = PLAIN, *more: str, **changed: str | None) -> bytes:
    """A handshake request. `Sec_WebSocket_Key=None` omits a header, `…="x"` changes it."""
    headers: dict[str, str | None] = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    return head("GET", path, *(f"{name}: {value}" for name, value in headers.items() if value is not None), *more)


def frame(
    payload: bytes | str, opcode: int = TEXT, final: bool = True, masked: bool = True, reserved: int = 0
) -> bytes:
    data = payload.encode() if isinstance(payload, str) else payload
    first = (FINAL if final else 0) | reserved << 4 | opcode
    header = announce(first, len(data), masked)
    return header + (MASK + mask(data) if masked else data)


def announce(first: int, length: int, masked: bool = True) -> bytes:
    """A frame's header up to its length."""
    bit = MASKED if masked else 0
    if length < 126:
        return bytes((first, bit | length))
    if length < 65536:
        return pack("!BBH", first, bit | 126, length)
    return pack("!BBQ", first, bit | 127, length)


def mask(data: bytes) -> bytes:
    mask = (MASK * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(mask)).to_bytes(len(data))


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """A close frame. Without a code it has no payload."""
    return frame(b"" if code is None else pack("!H", code) + reason, CLOSE)


def say(**message: Any) -> bytes:
    """A message for a plain WebSocket."""
    return frame(json.dumps(message))


def take_frame(received: bytearray) -> Frame | None:
    """Remove the next complete frame from `received`, or return None. Server frames are unmasked and unfragmented."""
    if len(received) < 2:
        return None
    first, length, start = received[0], received[1], 2
    assert first & 0xF0 == FINAL, f"a frame in parts, or with reserved bits: {bytes(received[:80])!r}"
    assert not length & MASKED, f"a frame that is masked: {bytes(received[:80])!r}"
    if length > 125:
        start = 4 if length == 126 else 10
        length = int.from_bytes(received[2:start])
    if len(received) < start + length:
        return None
    frame = Frame(first & 0x0F, bytes(received[start : start + length]))
    del received[: start + length]
    return frame


class WebSocket(Connection):
    """A plain WebSocket. It responds only when asked to."""

    path = PLAIN
    ping_event = say(type="ping")

    def __init__(
        self, port: int, *headers: str, path: str = "", early: bytes = b"", receive_buffer: int | None = None
    ) -> None:
        super().__init__(port, receive_buffer=receive_buffer)
        self.received = bytearray()
        self.send(upgrade(path or self.path, *headers) + early)
        while (end := self.received.find(b"\r\n\r\n") + 4) < 4:
            self._receive()
        self.handshake = self.received[:end].decode()
        del self.received[:end]
        assert self.handshake.startswith("HTTP/1.1 101 "), self.handshake
        self.begin()

    def begin(self) -> None:
        """Send what this kind of client sends first."""

    def frame(self) -> Frame:
        """The next frame. Raises Lost if there is none."""
        while (frame := take_frame(self.received)) is None:
            self._receive()
        return frame

    def message(self) -> str:
        opcode, payload = self.frame()
        assert opcode == TEXT, (opcode, payload)
        return payload.decode()

    def event(self) -> dict[str, Any]:
        """The next event. Answers pings before it: on a busy machine, a test may last longer than their interval."""
        while answer(self, frame := self.frame()):
            pass
        assert frame.opcode == TEXT, frame
        return self.event_of(frame.payload.decode())

    def event_of(self, message: str) -> dict[str, Any]:
        return json.loads(message)

    def is_answered(self) -> bool:
        """Whether the server responds to our ping. Skips frames before the pong."""
        self.send(self.ping_event)
        while self.event()["type"] != "pong":
            pass
        return True

    def close_frame(self) -> CloseFrame:
        """The server's close frame. Skips frames before it."""
        while (frame := self.frame()).opcode != CLOSE:
            pass
        code = unpack("!H", frame.payload[:2])[0] if frame.payload else None
        return CloseFrame(code, frame.payload[2:].decode())

    def rest(self) -> bytes:
        """Everything until the server closes the connection."""
        with suppress(Lost):
            while True:
                self._receive()
        return bytes(self.received)

    def _receive(self) -> None:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            raise Lost("reset") from None
        if not data:
            raise Lost
        self.received += data


class SocketIO(WebSocket):
    """A Socket.IO client that never polls. It responds only when asked to."""

    path = SOCKETIO
    ping_event = frame('42["ping"]')

    def begin(self) -> None:
        assert self.message().startswith("0{")
        self.send(frame("40"))
        assert self.message().startswith("40{")

    def event_of(self, message: str) -> dict[str, Any]:
        assert message.startswith("42"), message
        _, event = json.loads(message[2:])
        return event


KINDS = {"plain": WebSocket, "Socket.IO": SocketIO}


def answer(client: WebSocket, received: Frame) -> bool:
    """Answer a ping of either protocol. Returns False for any other frame."""
    if received.opcode == PING:
        client.send(frame(received.payload, PONG))
    elif received.payload == b"2":
        client.send(frame("3"))
    else:
        return False
    return True
