"""A proxy before a server, which answers some requests otherwise than the server would."""

from __future__ import annotations

import http.client
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

LOST = "lost"
"""The server gets the request, and its answer is lost."""

CUT = "cut"
"""The server never gets the request."""


@dataclass(frozen=True)
class Said:
    """An answer in place of the server's."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Proxy:
    """`faults` are for the next requests, one each; `asked` are their paths and bodies."""

    def __init__(self, port: int) -> None:
        self.faults: deque[Said | str] = deque()
        self.asked: list[tuple[str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self.server_port = port
        self.url = ""


@contextmanager
def proxy_of(port: int) -> Iterator[Proxy]:
    proxy = Proxy(port)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            proxy.asked.append((self.path, body))
            proxy.headers.append(dict(self.headers))
            fault = proxy.faults.popleft() if proxy.faults else None
            if isinstance(fault, Said):
                self._say(fault)
            elif fault != CUT:
                answer = self._ask(body)
                if fault != LOST:
                    self._say(answer)

        do_POST = do_GET  # noqa: N815

        def _ask(self, body: bytes) -> Said:
            line = http.client.HTTPConnection("127.0.0.1", proxy.server_port, timeout=15)
            line.request(self.command, self.path, body, dict(self.headers))
            answer = line.getresponse()
            found = Said(answer.status, answer.read(), {"Content-Type": answer.headers["Content-Type"]})
            line.close()
            return found

        def _say(self, said: Said) -> None:
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, *_: object) -> None:
            """To no one."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
