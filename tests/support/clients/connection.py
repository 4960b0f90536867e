"""A connection to a server, byte by byte: for what HTTP clients hide or would never send."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from struct import pack
from typing import Any, Self

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
    """A keep-alive connection. Send a request with `send`, then read its `answer`."""

    def __init__(self, port: int, patience_s: float = SILENT_PATIENCE_S, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(patience_s)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # send each piece at once

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Close without a goodbye."""
        self.socket.close()

    def reset(self) -> None:
        """Close with a RST, as a machine that lost power does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
        self.socket.close()

    def send(self, *pieces: bytes) -> Self:
        for piece in pieces:
            self.socket.sendall(piece)
        return self

    def send_visit(self, visitor: str, visit: str = "1") -> Self:
        body = json.dumps({"visitorId": visitor, "visitId": visit}).encode()
        return self.send(head("POST", "/api/visitor/register", f"Content-Length: {len(body)}"), body)

    def answer(self, method: str = "POST") -> Answer:
        answer = http.client.HTTPResponse(self.socket, method=method)
        answer.begin()
        return Answer(answer.status, answer.headers, answer.read())

    def ask(self, method: str, path: str, *headers: str) -> Answer:
        return self.send(head(method, path, *headers)).answer(method)

    def is_closed(self) -> bool:
        """Whether the server has closed the connection. Waits for the end, or for unrequested bytes."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def head(method: str, path: str, *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers, "", ""]
    return "\r\n".join(lines).encode()


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))
