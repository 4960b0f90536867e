"""A server that receives webhooks and verifies them with the library that receivers use."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from standardwebhooks.webhooks import Webhook

from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

LOOPBACK = "127.0.0.0/8"


class ReceivedDelivery(NamedTuple):
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """Verify the signature, and return the body. Raises an error if the signature is wrong or older than five
        minutes.
        """
        return Webhook(secret).verify(self.body, self.headers)


class WebhookReceiver:
    """Receives webhooks. `answers` contains (status, headers, body) for the next responses; later responses are 204. If
    `go` is set, it waits for that event before responding.
    """

    def __init__(self) -> None:
        self.received: list[ReceivedDelivery] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.go: threading.Event | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, more, content = outer.answers.pop(0) if outer.answers else (204, {}, b"")
                outer.received.append(ReceivedDelivery({**headers, ":path": self.path}, body))
                if outer.go is not None:
                    outer.go.wait(60)
                self.send_response(status)
                for name, value in {**more, **({} if status == 204 else {"Content-Length": str(len(content))})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    @property
    def ids(self) -> list[str]:
        return [delivery.id for delivery in self.received]

    def wait_for(self, count: int, timeout_s: float = PATIENCE_S) -> list[ReceivedDelivery]:
        wait_until(lambda: len(self.received) >= count, f"{count} deliveries", timeout_s)
        return self.received

    def refuse(self, status: int = 500, times: int = 1, body: bytes = b"", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers += [(status, named, body)] * times

    def reset(self) -> None:
        self.received.clear()
        self.answers.clear()
        self.go = None

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
