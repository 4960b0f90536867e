"""A client that is cheap enough to have many of, and that notices when it is not answered."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from typing import Any

from support.server import Server

REQUEST_TIMEOUT_S = 15


class Client:
    """One browser: one connection, to one server after the other."""

    def __init__(self, servers: Sequence[Server], first: int) -> None:
        self.seen_total = 0
        self._servers = servers
        self._turn = first
        self._connections: dict[int, http.client.HTTPConnection] = {}  # by port

    def register(self, visitor: str, visit: str) -> tuple[int, str | None, dict[str, Any]] | None:
        """Status, Retry-After and body of the answer; None when there was none."""
        self._turn += 1
        port = self._servers[self._turn % len(self._servers)].port
        connection = self._connections.get(port) or self._connect(port)
        body = json.dumps({"visitorId": visitor, "visitId": visit})
        try:
            connection.request("POST", "/api/visitor/register", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.headers["Retry-After"], json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            return None

    def _connect(self, port: int) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_TIMEOUT_S)
        self._connections[port] = connection
        return connection

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
