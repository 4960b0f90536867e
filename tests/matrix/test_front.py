"""The server through nginx, Caddy, Apache and HAProxy, with and without TLS, before another proxy, and below a path."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache, partialmethod
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image
from support.clients.forms import PASSWORD, form_on
from support.clients.listener import Listener, PlainSocket, SocketioSocket
from support.programs.certificates import new_certificate
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.api_client import Caller
from support.servers.proxies import (
    GUIDE,
    PUBLIC_HOST,
    UNVERIFIED_TLS,
    Apache,
    Caddy,
    Nginx,
    Proxy,
)
from support.servers.server import Server

from matrix.front import BELOW, CACHES, FRONT, LASTING, PROXIES, TLS, TWO
from matrix.proxies import BuiltinVarnish, CachingNginx, CaddyBelowPath, Haproxy, NginxBelowPath, Varnish
from matrix.quiet import REST_S, assert_quiet, cores
from matrix.table import Cell

KINDS = {"nginx": Nginx, "Caddy": Caddy, "Apache": Apache, "HAProxy": Haproxy}
KINDS |= dict(zip(CACHES, (CachingNginx, Varnish, BuiltinVarnish), strict=True))
KINDS |= {f"nginx{BELOW}": NginxBelowPath, f"Caddy{BELOW}": CaddyBelowPath}
ADMIN = "rani@example.com"
AMERICA, TURKEY = "8.8.8.8", "85.111.0.1"
BADGE = "/badge.svg?value=total"
COMPARED = ("Content-Type", "Content-Encoding", "Cache-Control", "ETag", "Vary", "Content-Security-Policy")


class Front(Caller):
    """A browser that knows only the proxy's address. `direct` knows only the server's. Surfaces are methods."""

    def __init__(self, proxy: Proxy, server: Server) -> None:
        super().__init__()
        self.proxy, self.server, self.direct = proxy, server, Caller()
        self.direct.port, self._http.verify = server.port, False

    @property
    def url(self) -> str:
        return self.proxy.url

    def socket(self) -> PlainSocket:
        tls = UNVERIFIED_TLS if self.url.startswith("https") else None
        return PlainSocket(f"ws{self.url.removeprefix('http')}/", ssl=tls)

    def raw(self, request: str, *headers: str, body: str = "") -> tuple[str, bytes]:
        """Head and body of the response to a request such as `HEAD / HTTP/1.0`. The connection has to end by itself."""
        method, path, version = request.split()
        where = urlsplit(self.url)
        lines = (f"{method} {where.path}{path} {version}", f"Host: {where.netloc}", "Connection: close", *headers)
        with socket.create_connection(("127.0.0.1", where.port), PATIENCE_S) as line:
            if where.scheme == "https":
                line = UNVERIFIED_TLS.wrap_socket(line)
            line.sendall("\r\n".join((*lines, "", body)).encode())
            head, end, content = b"".join(iter(lambda: line.recv(65536), b"")).partition(b"\r\n\r\n")
        assert end
        return head.decode(), content

    def follows(self, connect: Callable[[], Listener], cell: Cell) -> None:
        """A page gets its first event, and each visit."""
        if cell.outcome == "refused":
            with pytest.raises(Exception, match=cell.says):
                connect()
            return
        with connect() as page:
            page.first()
            for _ in range(2):
                page.wait_for_total(self.register("ayesha").ordinal)

    def plain_socket(self, cell: Cell) -> None:
        self.follows(self.socket, cell)

    def socket_io_by_polling(self, cell: Cell, transport: str = "polling") -> None:
        path = f"{self.proxy.path}/socket.io"
        self.follows(lambda: SocketioSocket(self.url, transports=[transport], socketio_path=path), cell)

    socket_io_by_socket = partialmethod(socket_io_by_polling, transport="websocket")

    def stream(self, cell: Cell) -> None:
        with self.get("/api/stream", stream=True) as answer:
            lines = (line for line in answer.iter_lines(1) if line.startswith(b"data: {"))
            assert json.loads(next(lines)[6:])["type"] == "visitor_update"
            total = self.register("ayesha").ordinal
            assert any(json.loads(line[6:])["stats"]["totalVisits"] == total for line in lines)

    def form(self, cell: Cell) -> Front:
        """Log in, and open a page of the panel. Without TLS the browser would drop the cookies."""
        browser, where = Front(self.proxy, self.server), urlsplit(self.url)
        host = f"{PUBLIC_HOST}:{self.proxy.port}" if cell.outcome == "refused" else where.netloc
        browser._http.headers.update({"Host": host, "Origin": f"{where.scheme}://{host}"})
        fields = form_on(browser.get("/login").text).fields
        del fields["visitorId"]  # it is disabled
        answer = browser.post("/login", data={**fields, "email": ADMIN, "password": PASSWORD})
        if cell.outcome == "refused":
            assert (answer.status_code, cell.says in answer.text) == (403, True), answer.text
        else:
            assert browser.get("/admin/server").url == f"{self.url}/admin/server"
        return browser

    def upload(self, cell: Cell) -> None:
        browser, mark = self.form(cell), BytesIO()
        if cell.outcome == "refused":
            return
        Image.frombytes("RGB", (130, 130), os.urandom(3 * 130 * 130)).save(mark, "PNG")
        token = re.search('name="csrf_token" value="([^"]+)"', browser.get("/admin/server").text)[1]
        files = {"mark": ("mark.png", mark.getvalue())}
        answer = browser.post("/admin/server/settings/name", data={"csrf_token": token}, files=files)
        assert answer.ok, answer.text
        (path,) = set(re.findall(r"/mark/\w+\.png", answer.text))
        assert self.get(path).content == self.direct.get(path).content != b""

    def same(self, path: str, **headers: str) -> requests.Response:
        """The response of the proxy, which equals the server's."""
        through, direct = (caller.get(path, headers=headers) for caller in (self, self.direct))
        assert through.status_code == direct.status_code
        assert through.content == direct.content != b"", path
        names = [name for name in COMPARED if through.headers.get(name, "")[:2] != "W/"]  # Varnish decompressed it
        assert [through.headers.get(name) for name in names] == [direct.headers.get(name) for name in names]
        return through

    def badge(self, cell: Cell) -> None:
        tag = self.same(BADGE).headers["ETag"]
        assert self.same(BADGE, If_None_Match="").ok
        status = 200 if isinstance(self.proxy, CachingNginx) else 304  # this cache requests it without the tag
        assert self.get(BADGE, headers={"If-None-Match": tag}).status_code == status

    def compression(self, cell: Cell) -> None:
        for coding in ("gzip", "identity"):
            accepted = {"Accept-Encoding": coding}
            self.same("/openapi.json", **accepted)
            self.same("/robots.txt", **accepted)
            through, direct = (caller.get("/", headers=accepted).headers for caller in (self, self.direct))
            assert through.get("Content-Encoding") == direct.get("Content-Encoding")

    def http_1_0(self, cell: Cell) -> None:
        head, body = self.raw("GET /openapi.json HTTP/1.0")
        assert " 200 " in head.partition("\r\n")[0]
        assert "chunked" not in head.lower()
        assert body == self.direct.get("/openapi.json", headers={"Accept-Encoding": "identity"}).content

    def head(self, cell: Cell) -> None:
        for path in ("/", "/openapi.json", BADGE, "/api/stats", "/api/stream"):
            head, body = self.raw(f"HEAD {path} HTTP/1.1")
            direct = self.direct._http.head(self.direct.url + path, timeout=PATIENCE_S)
            assert (int(head.split()[1]), body) == (direct.status_code, b""), head

    def place_of(self, *headers: str) -> str:
        """The stored location of a visit with these headers, in their order."""
        visit = '{"visitorId": "x"}'
        headers = ("Content-Type: application/json", f"Content-Length: {len(visit)}", *headers)
        _, body = self.raw("POST /api/visitor/register HTTP/1.1", *headers, body=visit)
        number = json.loads(body)["visit"]["ordinal"]
        ((place,),) = self.server.database.rows(f"SELECT place FROM visits WHERE ordinal = {number}")
        return place

    def absent_forwarding_header(self, cell: Cell) -> None:
        assert self.place_of() == "Unknown"  # this machine's address
        is_secure = "Strict-Transport-Security" in self.get("/login" if not self.proxy.path else "/api/stats").headers
        assert is_secure == self.url.startswith("https")

    def double_forwarding_header(self, cell: Cell) -> None:
        """A client makes up the headers, each twice."""
        twice = [f"X-Forwarded-For: {value}" for value in (AMERICA, TURKEY, f"{TURKEY}, {AMERICA}")]
        forged = ["X-Forwarded-Host: evil.example", "X-Forwarded-Host: evil.example", f"Forwarded: for={TURKEY}"]
        assert self.place_of(*twice) == self.place_of(*forged, *twice) == "Unknown"
        headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
        assert "evil.example" not in self.get("/robots.txt", headers=headers).text

    def restart_of_the_proxy(self, cell: Cell) -> None:
        """Pages notice, come back, and a visit that is sent again counts once."""
        before = self.register("ayesha", "before").ordinal
        with self.socket() as page:
            page.first()
            self.proxy.kill()
            wait_until(lambda: not page._reader.is_alive(), "the page has noticed")
        with pytest.raises(requests.ConnectionError):
            self.post_visit("ayesha", "before")
        self.proxy.start()
        assert self.register("ayesha", "before").ordinal == before
        self.plain_socket(cell)


rest_of = cache(lambda server: cores(server, REST_S))


@pytest.fixture(scope="module")
def front_of(tmp_path_factory, module_servers, module_sqlite_database) -> Iterator[Callable[[str], Front]]:
    """The front of a column of the table, which is started when a cell first needs it."""
    settings = {"ADMIN_EMAIL": ADMIN, "ADMIN_PASSWORD": PASSWORD}
    server = cache(lambda proxies: module_servers(module_sqlite_database, TRUSTED_PROXIES=proxies, **settings).start())
    certificate = cache(lambda: new_certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1"))

    def proxy(kind: type[Proxy], upstream: int, certificate: Path | None = None) -> Proxy:
        return stack.enter_context(kind(tmp_path_factory.mktemp("proxy"), upstream, certificate))

    @cache
    def front(column: str) -> Front:
        has_two = column.endswith(TWO)
        behind = server(2 if has_two else 1)
        upstream = proxy(Nginx, behind.port) if has_two else behind
        kind = KINDS[column.removesuffix(TLS).removesuffix(TWO)]
        has_tls = has_two or column.endswith(TLS)
        return Front(proxy(kind, upstream.port, certificate() if has_tls else None), behind)

    with ExitStack() as stack:
        yield front


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("cell", FRONT.parameters())
def test_a_surface_works_through_a_proxy_as_its_cell_says(cell, front_of, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)  # the client of Socket.IO would verify certificates again
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    front = front_of(cell.distortion)
    ends_quietly = cell.surface in LASTING and not cell.is_quick
    rest = rest_of(front.server) if ends_quietly else 0
    getattr(front, cell.method)(cell)
    assert front.server.database.rows("SELECT count(*) FROM visits") == [(front.direct.stats().total,)]
    if ends_quietly:
        assert_quiet(cell, front.server, rest)


def test_each_documented_configuration_is_a_column():
    documented = re.findall("^```(?!html|vcl|modsecurity)([a-z]+)$", GUIDE, re.MULTILINE)
    assert {language.removesuffix("file") for language in documented} == set(map(str.lower, PROXIES))
