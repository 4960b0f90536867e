"""Sends requests at a steady rate over a few keep-alive connections, from a separate process: this file, run with PORT
KIND RATE SECONDS CONNECTIONS.

Requests are due at fixed times. If all connections are busy, a request waits, and the wait counts as part of its time.
The standard library is fast enough for a few hundred requests a second.
"""

from __future__ import annotations

import json
import math
import re
import secrets
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

PATIENCE_S = 10.0
OK = 200
CHUNK = 65536
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
RUN = secrets.token_hex(4)
VISITORS = 2000
HEADS = {
    "stats": "GET /api/stats HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    "alive": "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    "register": "POST /api/visitor/register HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n",
}


def request(kind: str, number: int) -> bytes:
    if kind != "register":
        return f"{HEADS[kind]}\r\n".encode()
    visit = {"visitorId": f"visitor_{RUN}_{number % VISITORS}", "visitId": f"{RUN}-{number}", "page": "/"}
    body = json.dumps(visit)
    return f"{HEADS[kind]}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class Connection:
    """A keep-alive connection with at most one open request."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self.due_ns = 0

    def ask(self, due_ns: int, text: bytes) -> None:
        self.due_ns, self._received = due_ns, b""
        self.socket.sendall(text)

    def receive(self) -> int | None:
        """The status once the response is complete; None until then."""
        got = self.socket.recv(CHUNK)
        if not got:
            raise ConnectionError("the server closed a connection")
        self._received += got
        head, _, body = self._received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if b"\r\n\r\n" not in self._received or (length and len(body) < int(length[1])):
            return None
        return int(head.split(b" ", 2)[1])


class Client:
    def __init__(self, port: int, kind: str, connections: int) -> None:
        self._kind = kind
        self._idle = deque(Connection(port) for _ in range(connections))
        self._busy = selectors.DefaultSelector()
        for connection in self._idle:
            self._busy.register(connection.socket, selectors.EVENT_READ, connection)
        self.answers: list[tuple] = []

    def run(self, rate: float, seconds: float) -> None:
        parameters, asked = int(rate * seconds), 0
        began = time.time_ns()
        last = began + int((seconds + PATIENCE_S) * 1e9)
        while len(self.answers) < parameters and time.time_ns() < last:
            due_ns = began + int(asked * 1e9 / rate)
            if asked < parameters and self._idle and due_ns <= time.time_ns():
                self._idle.popleft().ask(due_ns, request(self._kind, asked))
                asked += 1
                continue
            is_next_due = asked < parameters and self._idle
            self._receive(max(0.0, (due_ns - time.time_ns()) / 1e9) if is_next_due else 0.1)

    def _receive(self, timeout_s: float) -> None:
        for key, _ in self._busy.select(timeout_s):
            connection = key.data
            if (status := connection.receive()) is not None:
                self.answers.append((connection.due_ns, time.time_ns(), status))
                self._idle.append(connection)


@dataclass(frozen=True)
class Answer:
    """A response. Times are wall clock, in ns."""

    due_ns: int
    answered_ns: int
    status: int

    @property
    def took_ms(self) -> float:
        """Time since the request was due, so that a request that had to wait does not look fast."""
        return (self.answered_ns - self.due_ns) / 1e6


class Steady:
    """Requests in progress, started by the constructor. `kind` is `stats`, `alive` (GET /healthz) or `register`."""

    def __init__(
        self, port: int, kind: str, rate: float, seconds: float, connections: int = 4, core: int | None = None
    ) -> None:
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        words = [__file__, *map(str, (port, kind, rate, seconds, connections))]
        self._patience_s = seconds + 4 * PATIENCE_S
        self._process = subprocess.Popen(
            [*pinned, sys.executable, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid

    def answers(self) -> list[Answer]:
        """Wait for the end, and return all responses, including errors."""
        try:
            printed, _ = self._process.communicate(timeout=self._patience_s)
        finally:
            self._process.kill()
            self._process.wait()
        if self._process.returncode:
            raise RuntimeError("the steady load ended with an error; it has said which")
        return [Answer(*row) for row in json.loads(printed)]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of the values do not exceed, or 0 if there are no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0


if __name__ == "__main__":
    port, kind, rate, seconds, connections = sys.argv[1:]
    client = Client(int(port), kind, int(connections))
    client.run(float(rate), float(seconds))
    json.dump(client.answers, sys.stdout)
