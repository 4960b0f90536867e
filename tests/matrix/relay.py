"""A relay between clients and a port, which can hold, half-close and cut their connections."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
STOP_S = 0.05


class Relay(ThreadingTCPServer):
    """`received` has everything that the server has sent."""

    daemon_threads, block_on_close = True, False

    def __init__(self, upstream: int, half_closes: bool = False) -> None:
        """With `half_closes`, the server sees the end of a client's connection right after its first request."""
        super().__init__(("127.0.0.1", 0), Connection)
        self.upstream, self.half_closes, self.received = upstream, half_closes, b""
        self.port: int = self.server_address[1]
        self.flows = threading.Event()
        self.flows.set()
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self.serve_forever, args=(STOP_S,), daemon=True).start()

    def __exit__(self, *_: Any) -> None:
        self.shutdown()
        self.server_close()
        self.cut()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Pass nothing to the clients inside the block, like clients that do not read."""
        self.flows.clear()
        yield
        self.flows.set()

    def cut(self, half: bool = False) -> None:
        """End all connections at both ends. With `half`, only the server sees the end."""
        pairs, self.pairs = self.pairs, []
        for client, server in pairs:
            for end in [server] if half else [client, server]:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_WR if half else socket.SHUT_RDWR)


class Connection(BaseRequestHandler):
    server: Relay
    request: socket.socket

    def handle(self) -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.server.upstream)) as upstream:
            self.server.pairs.append((self.request, upstream))
            threading.Thread(target=self.send_up, args=(upstream,), daemon=True).start()
            while data := upstream.recv(1 << 16):
                self.server.flows.wait()
                self.server.received += data
                self.request.sendall(data)
            self.request.shutdown(socket.SHUT_RDWR)

    def send_up(self, upstream: socket.socket) -> None:
        sent = b""
        with suppress(OSError):
            while data := self.request.recv(1 << 16):
                upstream.sendall(data)
                sent += data
                if self.server.half_closes and is_whole(sent):
                    break
            upstream.shutdown(socket.SHUT_WR)


def is_whole(sent: bytes) -> bool:
    """Whether the bytes have a request with its body."""
    head, end, body = sent.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)
