"""The HTTP client of the benchmarks counts all that a server has answered."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from harness import load

pytestmark = pytest.mark.skipif(not (shutil.which("cc") and shutil.which("taskset")), reason="needs cc and taskset")

SLOW_S = 0.7


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answered: list[str] = []

    def do_GET(self) -> None:
        time.sleep(SLOW_S if self.path == "/slow" else 0.01)
        self._answer(404 if self.path == "/missing" else 200)

    def do_POST(self) -> None:
        self.answered.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._answer(200)

    def _answer(self, status: int) -> None:
        self.answered.append(self.path)
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    Handler.answered.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_late_answers_count_for_cpu_and_latency_and_not_for_the_rate(port):
    seen = load.get(port, "/slow", 4, 1, None)
    assert seen.requests == len(Handler.answered)
    assert seen.rate <= seen.requests - 3  # each connection has one late answer
    assert seen.p50_ms >= SLOW_S * 1000
    assert seen.errors == 0


def test_refusals_are_errors(port):
    seen = load.get(port, "/missing", 2, 1, None)
    assert seen.errors == seen.requests == len(Handler.answered) > 0


def test_every_registration_is_another_visit(port):
    seen = load.register(port, 2, 1, None)
    bodies = [body for body in Handler.answered if body.startswith("{")]
    assert seen.requests == len(bodies) == len(set(bodies)) > 0
