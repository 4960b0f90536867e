"""A relay between clients and a port, which can hold, half-close and cut their connections."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from support.faults.distorted_line import DistortedLine

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Relay(DistortedLine):
    """`received` has everything that the server has sent."""

    def __init__(self, upstream: int, half_closes: bool = False) -> None:
        """With `half_closes`, the server sees the end of a client's connection right after its first request."""
        super().__init__(upstream)
        self.half_closes, self.received = half_closes, b""
        self._servers: list[socket.socket] = []
        self._flows = threading.Event()
        self._flows.set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Pass nothing to the clients inside the block, like clients that do not read."""
        self._flows.clear()
        yield
        self._flows.set()

    def half_close(self) -> None:
        """Let the server see the end of all connections. The clients do not."""
        for server in self._servers:
            with suppress(OSError):
                server.shutdown(socket.SHUT_WR)

    def _forward(self, client: socket.socket, how: str) -> None:
        with client, socket.create_connection(("127.0.0.1", self.target)) as server:
            self._sockets.add(server)
            self._servers.append(server)
            threading.Thread(target=self._send, args=(client, server), daemon=True).start()
            while data := server.recv(1 << 16):
                self._flows.wait()
                self.received += data
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)

    def _send(self, client: socket.socket, server: socket.socket) -> None:
        sent = b""
        with suppress(OSError):
            while not (self.half_closes and is_whole(sent)) and (data := client.recv(1 << 16)):
                server.sendall(data)
                sent += data
            server.shutdown(socket.SHUT_WR)


def is_whole(sent: bytes) -> bool:
    """Whether the bytes have a request with its body."""
    head, end, body = sent.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)
