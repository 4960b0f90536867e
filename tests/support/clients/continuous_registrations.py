"""Clients on kept connections that register visits back to back, all in one thread."""

from __future__ import annotations

import json
import secrets
import selectors
import socket
import time
from itertools import count
from typing import Self

from support.clients.connection import head


class RegistrationLoad:
    """Sends requests while `run_for` runs. A client whose connection was closed stops."""

    def __init__(self, port: int, clients: int) -> None:
        self._run = secrets.token_hex(4)
        self._numbers = count(1)
        self._selector = selectors.DefaultSelector()
        for _ in range(clients):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(connection, selectors.EVENT_READ)
            self._ask(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections():
            self._end(connection)
        self._selector.close()

    @property
    def open(self) -> int:
        """The number of connections still open."""
        return len(self._connections())

    def run_for(self, seconds: float) -> float:
        """Responses per second. Ends early if all connections are closed. Every response must be a 200."""
        answered, began = 0, time.monotonic()
        while (took_s := time.monotonic() - began) < seconds and self._selector.get_map():
            for key, _ in self._selector.select(0.02):
                assert isinstance(key.fileobj, socket.socket)
                answered += self._receive(key.fileobj)
        return answered / took_s if took_s else 0.0

    def _receive(self, connection: socket.socket) -> bool:
        try:
            answer = connection.recv(65536)
            if answer:
                self._ask(connection)
        except OSError:
            answer = b""
        if not answer:
            self._end(connection)
            return False
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        return True

    def _ask(self, connection: socket.socket) -> None:
        number = next(self._numbers)
        body = json.dumps({"visitorId": f"asker-{number % 500}", "visitId": f"{self._run}-{number}"}).encode()
        connection.sendall(head("POST", "/api/visitor/register", f"Content-Length: {len(body)}") + body)

    def _end(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        connection.close()

    def _connections(self) -> list[socket.socket]:
        return [
            key.fileobj for key in list(self._selector.get_map().values()) if isinstance(key.fileobj, socket.socket)
        ]
