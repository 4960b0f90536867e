"""Many sockets in one process: some stay and note what they are told, the others come and go."""

from __future__ import annotations

import heapq
import random
import re
import select
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from struct import pack

from harness.pushers import PLAIN_DOOR, SOCKET_IO_DOOR

STAYS_S = (5.0, 40.0)
"""Shorter than the 45 s within which one has to answer a ping: those who go soon need not look at what they read."""

OPENED_AT_ONCE = 32
TURN_S = 0.02
READ_SIZE = 1 << 18
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
FINAL = MASKED = 0x80
MASK = b"\0\0\0\0"
"""Masked by zeros: as valid as any other, and nothing to compute."""

TOTAL = re.compile(rb'"totalVisitors": ?(\d+)')
RESET = pack("ii", 1, 0)
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bm8gc2VjcmV0IGhlcmUhIQ==\r\n\r\n"
)
DOORS = (PLAIN_DOOR, SOCKET_IO_DOOR)

Heard = list[tuple[int, int]]
"""(wall clock ns, total), in the order in which they came."""


def frame(opcode: int, payload: bytes) -> bytes:
    """A short one, of a client."""
    return bytes((FINAL | opcode, MASKED | len(payload))) + MASK + payload


def frames(received: bytearray) -> Iterator[tuple[int, bytes]]:
    """Those that have come whole, taken out of `received`."""
    while len(received) > 1:
        length, start = received[1], 2
        if length > 125:
            start = 4 if length == 126 else 10
            length = int.from_bytes(received[2:start])
        if len(received) < start + length:
            return
        opcode, payload = received[0] & 0x0F, bytes(received[start : start + length])
        del received[: start + length]
        yield opcode, payload


class Passer:
    """One socket; `heard` is kept by those who stay."""

    def __init__(self, port: int, number: int, stays: bool) -> None:
        self.stays = stays
        self.heard: Heard = []
        self.is_open = False
        self._door = DOORS[number % 2]
        self._received = bytearray()
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(HANDSHAKE.format(path=self._door.path).encode())
        self.socket.setblocking(False)

    def read(self) -> bool:
        """What has come. False when the server has ended it."""
        try:
            data = self.socket.recv(READ_SIZE)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if self.is_open and not self.stays:
            return bool(data)
        self._received += data
        if not self.is_open and b"\r\n\r\n" in self._received:
            self._begin()
        return bool(data) and (not self.is_open or not self.stays or self._take())

    def go(self, politely: bool) -> None:
        if politely:
            with suppress(OSError):
                self.socket.send(frame(CLOSE, pack("!H", 1001)))
        else:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.close()

    def _begin(self) -> None:
        if not self._received.startswith(b"HTTP/1.1 101 "):
            raise ConnectionError(bytes(self._received[:200]))
        del self._received[: self._received.index(b"\r\n\r\n") + 4]
        self.is_open = True
        if self._door is SOCKET_IO_DOOR:
            self.socket.send(frame(TEXT, b"40"))

    def _take(self) -> bool:
        for opcode, payload in frames(self._received):
            if opcode == PING:
                self.socket.send(frame(PONG, payload))
            elif opcode == CLOSE:
                return False
            elif payload == b"2":
                self.socket.send(frame(TEXT, b"3"))
            elif found := TOTAL.search(payload):
                self.heard.append((time.time_ns(), int(found[1])))
        return True


class PassersBy:
    """`size` sockets at any time, of which `staying` stay. They are read while `run` runs."""

    def __init__(self, port: int, size: int, staying: int) -> None:
        self.came = 0
        self.lost = 0
        """Ended by the server."""
        self.staying: list[Passer] = []
        self._port = port
        self._size = size
        self._wanted = staying
        self._chance = random.Random(1)
        self._epoll = select.epoll()
        self._by_file: dict[int, Passer] = {}
        self._goes_at: list[tuple[float, int, Passer]] = []
        self._order = count()

    @property
    def is_full(self) -> bool:
        return len(self._by_file) == self._size and all(each.is_open for each in self._by_file.values())

    def run(self, until: float) -> None:
        """Until that moment (monotonic s)."""
        while time.monotonic() < until:
            for _ in range(min(OPENED_AT_ONCE, self._size - len(self._by_file))):
                self._open()
            for file, _ in self._epoll.poll(TURN_S, 512):
                passer = self._by_file[file]
                if not passer.read():
                    self.lost += 1
                    self._forget(passer)
                    passer.go(politely=False)
            while self._goes_at and self._goes_at[0][0] <= time.monotonic():
                self._send_away(heapq.heappop(self._goes_at)[2])

    def take_heard(self, most: int) -> list[Heard]:
        """What so many of those who stay have heard since it was last asked for; all begin anew."""
        found = [each.heard for each in self.staying[:most]]
        for each in self.staying:
            each.heard = []
        return found

    def leave(self) -> None:
        for passer in self._by_file.values():
            passer.go(politely=False)
        self._epoll.close()

    def _open(self) -> None:
        stays = len(self.staying) < self._wanted
        passer = Passer(self._port, self.came, stays)
        self.came += 1
        self._by_file[passer.socket.fileno()] = passer
        self._epoll.register(passer.socket.fileno(), select.EPOLLIN)
        if stays:
            self.staying.append(passer)
        else:
            goes_at = time.monotonic() + self._chance.uniform(*STAYS_S)
            heapq.heappush(self._goes_at, (goes_at, next(self._order), passer))

    def _send_away(self, passer: Passer) -> None:
        if passer.socket.fileno() >= 0:  # and not lost meanwhile
            self._forget(passer)
            passer.go(politely=self._chance.random() < 0.5)

    def _forget(self, passer: Passer) -> None:
        self._epoll.unregister(passer.socket.fileno())
        del self._by_file[passer.socket.fileno()]
        if passer.stays:
            self.staying.remove(passer)
