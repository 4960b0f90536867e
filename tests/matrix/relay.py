"""A relay between clients and a port, which can hold, half-close and cut their connections."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Relay:
    """`received` has everything that the server has sent."""

    def __init__(self, upstream: int, half_closes: bool = False) -> None:
        """With `half_closes`, the server sees the end of a client's connection right after its first request."""
        self.received = b""
        self._upstream, self._half_closes = upstream, half_closes
        self._flows = threading.Event()
        self._flows.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._flows.set()
        self.cut()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Pass nothing to the clients inside the block, like clients that do not read."""
        self._flows.clear()
        yield
        self._flows.set()

    def cut(self) -> None:
        """End all connections at both ends."""
        for pair in self._take():
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def half_close(self) -> None:
        """Let the server see the end of all connections. The clients do not."""
        for _, server in self._take():
            with suppress(OSError):
                server.shutdown(socket.SHUT_WR)

    def _take(self) -> list[tuple[socket.socket, socket.socket]]:
        taken, self._pairs = self._pairs, []
        return taken

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._upstream))
                self._pairs.append((client, server))
                for pass_on in (self._up, self._down):
                    threading.Thread(target=pass_on, args=(client, server), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        sent = b""
        with suppress(OSError):
            while data := client.recv(1 << 16):
                server.sendall(data)
                sent += data
                if self._half_closes and is_whole(sent):
                    break
            server.shutdown(socket.SHUT_WR)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError), client, server:
            while data := server.recv(1 << 16):
                self._flows.wait()
                self.received += data
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)


def is_whole(sent: bytes) -> bool:
    """Whether the bytes have a request with its body."""
    head, end, body = sent.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)
