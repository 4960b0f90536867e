"""A connection to a server, byte by byte: for what HTTP clients hide or would never send."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from typing import Any

from support.programs.patience import SILENT_PATIENCE_S


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """A keep-alive connection. Send a request with `post` or `send`, then read its `answer`."""

    def __init__(self, port: int, patience_s: float = SILENT_PATIENCE_S, receive_buffer: int | None = None) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(patience_s)
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.connect(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # send each piece at once

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, *pieces: bytes) -> Connection:
        for piece in pieces:
            self._socket.sendall(piece)
        return self

    def send_visit(self, visitor: str, visit: str = "1") -> Connection:
        body = json.dumps({"visitorId": visitor, "visitId": visit}).encode()
        return self.send(head("POST", "/api/visitor/register", f"Content-Length: {len(body)}"), body)

    def answer(self, method: str = "POST") -> Answer:
        answer = http.client.HTTPResponse(self._socket, method=method)
        answer.begin()
        return Answer(answer.status, answer.headers, answer.read())

    def line(self) -> bytes:
        """The first line of what the server sends next. The rest is discarded."""
        return self._socket.recv(65536).partition(b"\r\n")[0]

    def ask(self, method: str, path: str, *headers: str) -> Answer:
        return self.send(head(method, path, *headers)).answer(method)

    def is_closed(self) -> bool:
        """Whether the server has closed the connection. Waits for the end, or for unrequested bytes."""
        try:
            return self._socket.recv(1) == b""
        except ConnectionResetError:
            return True


def head(method: str, path: str, *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers, "", ""]
    return "\r\n".join(lines).encode()


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))
