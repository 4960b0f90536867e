"""A server that responds with given bytes, at once or slowly, with or without TLS."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import suppress


class OddServer:
    """A server with fixed responses. `pause_s` is the pause between two bytes; with None it never responds."""

    def __init__(self, answer: bytes = b"", pause_s: float | None = 0.0, context: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.pause_s = pause_s
        self.requests: list[bytes] = []
        self._context = context
        self._stopped = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}/"

    def stop(self) -> None:
        self._stopped.set()
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            served = self._context.wrap_socket(connection, server_side=True) if self._context else connection
            with served:
                self.requests.append(_read_request(served))
                self._answer(served)

    def _answer(self, connection: socket.socket) -> None:
        if self.pause_s is None:
            self._stopped.wait()
        elif self.pause_s == 0.0:
            connection.sendall(self.answer)
        else:
            for byte in self.answer:
                connection.sendall(bytes([byte]))
                time.sleep(self.pause_s)


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length and (more := connection.recv(65536)):
        body += more
    return head + b"\r\n\r\n" + body
