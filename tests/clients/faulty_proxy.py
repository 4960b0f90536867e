"""A proxy in front of a server that replaces some responses."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import requests
from support.programs.patience import PATIENCE_S

LOST = "lost"
"""The request reaches the server, but the response is lost."""

CUT = "cut"
"""The request never reaches the server."""


@dataclass(frozen=True)
class Reply:
    """A response that replaces the server's."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Proxy:
    """A proxy. `faults` apply to the next requests, one per request. `asked` records paths and bodies."""

    def __init__(self) -> None:
        self.faults: deque[Reply | str] = deque()
        self.asked: list[tuple[str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""


@contextmanager
def proxy_of(port: int) -> Iterator[Proxy]:
    proxy = Proxy()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            proxy.asked.append((self.path, body))
            proxy.headers.append(dict(self.headers))
            replacement = proxy.faults.popleft() if proxy.faults else None
            if replacement is None or replacement == LOST:
                url = f"http://127.0.0.1:{port}{self.path}"
                answer = requests.request(self.command, url, data=body, headers=dict(self.headers), timeout=PATIENCE_S)
                replacement = replacement or Reply(
                    answer.status_code, answer.content, {"Content-Type": answer.headers["Content-Type"]}
                )
            if isinstance(replacement, Reply):
                self.send_response(replacement.status)
                for name, value in replacement.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(replacement.body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        yield proxy
        server.shutdown()
