"""Many members of one community, each with sockets of their own: one process, one epoll, and every frame noted as it
came. What was said is looked at afterwards.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from struct import pack

KEY = "bm8gc2VjcmV0IGhlcmUhIQ=="
CLOSE, TEXT = 0x8, 0x1
MASK = b"\0\0\0\0"
"""Masked by zeros: as valid as any other, and nothing to compute."""

READ_SIZE = 65536
names = count(1)


@dataclass(eq=False)
class Line:
    """One socket. Times are monotonic ns, and wall-clock ms where the server's are compared with them."""

    member: int
    opened_ns: int
    sock: socket.socket | None
    received: list[tuple[int, bytes]] = field(default_factory=list)
    lost_ns: int | None = None
    """When it ended without our doing."""
    name: int = field(default_factory=lambda: next(names))

    @property
    def is_open(self) -> bool:
        return self.sock is not None


@dataclass(frozen=True)
class Told:
    at_ns: int
    event: dict


class Gathering:
    def __init__(self, port: int, community: str, tokens: list[str]) -> None:
        self.lines: list[Line] = []
        self._port = port
        self._community = community
        self._tokens = tokens
        self._epoll = select.epoll()
        self._by_file: dict[int, Line] = {}

    def open(self, member: int) -> Line:
        """Begin to open one more socket of a member."""
        line = Line(member, time.monotonic_ns(), socket.create_connection(("127.0.0.1", self._port), timeout=5))
        assert line.sock is not None
        line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sock.sendall(self._handshake(member))
        line.sock.setblocking(False)
        self._by_file[line.sock.fileno()] = line
        self._epoll.register(line.sock.fileno(), select.EPOLLIN)
        self.lines.append(line)
        return line

    def close(self, line: Line, code: int) -> None:
        """Say goodbye, and go."""
        if line.sock is not None:
            with suppress(OSError):
                line.sock.sendall(bytes((0x80 | CLOSE, 0x80 | 2)) + MASK + pack("!H", code))
            self._forget(line)

    def read(self, until_ns: int) -> list[Line]:
        """Note what arrives until then; the lines that the server has ended meanwhile."""
        ended: list[Line] = []
        while (left_ns := until_ns - time.monotonic_ns()) > 0:
            for file, _ in self._epoll.poll(left_ns / 1e9, 512):
                line = self._by_file[file]
                if not self._read(line):
                    line.lost_ns = time.monotonic_ns()
                    self._forget(line)
                    ended.append(line)
        return ended

    def leave_one_by_one(self, code: int, seconds: float) -> None:
        """All within that time; those who are still there hear of it."""
        began_ns, left = time.monotonic_ns(), [line for line in self.lines if line.is_open]
        for number, line in enumerate(left):
            self.close(line, code)
            self.read(began_ns + round((number + 1) * seconds * 1e9 / len(left)))
        self._epoll.close()

    def leave(self) -> None:
        for line in self.lines:
            self.close(line, 1000)
        self._epoll.close()

    def _handshake(self, member: int) -> bytes:
        lines = [
            f"GET /ws/communities/{self._community}/visitors/ HTTP/1.1",
            "Host: localhost",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {KEY}",
            f"Authorization: Bearer {self._tokens[member]}",
        ]
        return "\r\n".join([*lines, "", ""]).encode()

    def _read(self, line: Line) -> bool:
        assert line.sock is not None
        try:
            data = line.sock.recv(READ_SIZE)
        except BlockingIOError:
            return True
        except OSError:
            return False
        line.received.append((time.monotonic_ns(), data))
        return bool(data)

    def _forget(self, line: Line) -> None:
        if line.sock is not None:
            del self._by_file[line.sock.fileno()]
            line.sock.close()
            line.sock = None


def told(line: Line) -> Iterator[Told]:
    """The events that a line has heard, with the moment at which the last byte of each had come."""
    rest, is_open = b"", False
    for at_ns, data in line.received:
        rest += data
        if not is_open:
            head, found, after = rest.partition(b"\r\n\r\n")
            if not found:
                continue
            is_open, rest = head.startswith(b"HTTP/1.1 101"), after
        while (frame := _take(rest)) is not None:
            opcode, payload, rest = frame
            if opcode == TEXT:
                yield Told(at_ns, json.loads(payload))


def _take(data: bytes) -> tuple[int, bytes, bytes] | None:
    if len(data) < 2:
        return None
    length, start = data[1] & 0x7F, 2
    if length == 126:
        length, start = int.from_bytes(data[2:4]), 4
    if len(data) < start + length:
        return None
    return data[0] & 0x0F, data[start : start + length], data[start + length :]
