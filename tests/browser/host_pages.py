"""Pages of other sites that run counting/koyjabo.js."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from pages import wait_for
from support.servers.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Page

BEGIN = """
async ([url, options]) => {
  const { KoyJabo } = await import(url);
  const Socket = window.WebSocket;
  window.sockets = 0;
  window.WebSocket = class extends Socket { constructor(...args) { super(...args); window.sockets += 1; } };
  window.events = [];
  window.seen = [];
  addEventListener("globalStatsUpdated", (event) => window.events.push(event.detail));
  window.koyjabo = new KoyJabo(options);
  window.unsubscribe = window.koyjabo.subscribe((stats, line) => window.seen.push([stats?.totalVisits, line]));
  window.koyjabo.start();
}
"""


class HostPages(BaseHTTPRequestHandler):
    """Another site with empty pages, and `files` by path. `?policy=` sets the Content-Security-Policy of a page, and
    `?embedder=` its Cross-Origin-Embedder-Policy. Requests for one of `held` get an empty script once its event is set.
    """

    files: ClassVar[dict[str, str]] = {}
    held: ClassVar[dict[str, Event]] = {}

    def do_GET(self) -> None:
        if self.path in self.held:
            self.held[self.path].wait()
            return self.send(b"", "text/javascript")
        address = urlsplit(self.path)
        query, text = parse_qs(address.query), self.files.get(address.path, "<!doctype html><title>Elsewhere</title>")
        media_type = "text/javascript" if address.path.endswith(".js") else "text/html; charset=utf-8"
        headers = (("policy", "Content-Security-Policy"), ("embedder", "Cross-Origin-Embedder-Policy"))
        self.send(text.encode(), media_type, {header: query[name][0] for name, header in headers if name in query})

    def send(self, body: bytes, media_type: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(200)
        for header, value in {"Content-Type": media_type, **(headers or {})}.items():
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served() -> Iterator[str]:
    """The URL of a real site. Browsers block requests to this machine from pages whose origin is only simulated."""
    with ThreadingHTTPServer(("127.0.0.1", 0), HostPages) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def begin(tab: Page, site: Server, **options: Any) -> None:
    tab.evaluate(BEGIN, [f"http://localhost:{site.port}/static/js/koyjabo.js", options])


def begin_live(tab: Page, site: Server, **options: Any) -> None:
    begin(tab, site, **options)
    wait_for(tab, lambda: state(tab)[1] == "live", "it is live")


def state(page: Page) -> list:
    return page.evaluate("[window.koyjabo.stats?.totalVisits ?? null, window.koyjabo.line]")


def wait_for_state(page: Page, total: int | None, line: str) -> None:
    wait_for(page, lambda: state(page) == [total, line], f"{total}, {line}")
