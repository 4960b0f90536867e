"""A client's HTTP connection, which checks every response."""

from __future__ import annotations

import http.client
import json
import socket
import time
from dataclasses import dataclass
from struct import pack
from typing import Any

from chaos.journal import Journal

PATIENCE_S = 25.0
"""The server promises a response within 10 s when a database hangs. It may itself be frozen for 5 s more."""

RESET = pack("ii", 1, 0)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any


class HttpConnection:
    """A connection that opens on first use, and reopens after a loss."""

    def __init__(self, port: int, journal: Journal) -> None:
        self._port = port
        self._journal = journal
        self._line: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer | None:
        """Send a request. Returns None if there was no response."""
        return self.answer() if self.send(method, path, body, headers) else None

    def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> bool:
        try:
            line = self._line = self._line or http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
            text = None if body is None else json.dumps(body)
            line.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
        except (OSError, http.client.HTTPException):
            self._lost()
            return False
        return True

    def answer(self) -> Answer | None:
        began = time.monotonic()
        try:
            assert self._line is not None
            received = self._line.getresponse()
            text = received.read()
        except TimeoutError:
            self._journal.breach(f"no answer within {time.monotonic() - began:.0f} s")
            self._lost()
            return None
        except (OSError, http.client.HTTPException):
            self._lost()
            return None
        self._journal.note(f"answers {received.status}")
        if received.status >= 500 and not received.headers["Retry-After"]:
            self._journal.breach(f"{received.status} without Retry-After: {text[:200]!r}")
        return Answer(received.status, json.loads(text) if text else None)

    def drop(self) -> None:
        """Close the connection abruptly, with RST."""
        line, self._line = self._line, None
        if line is not None and line.sock is not None:
            line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            line.close()

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None

    def _lost(self) -> None:
        self._journal.note("requests without an answer")
        self.close()
