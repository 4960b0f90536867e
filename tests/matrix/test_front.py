"""The server through nginx, Caddy, Apache and HAProxy, with and without TLS, before another proxy, and below a path."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from urllib.parse import urlsplit

import pytest
import requests
import urllib3
from PIL import Image
from support.clients.forms import PASSWORD, form_on
from support.clients.listener import Listener, PlainSocket, SocketioSocket
from support.programs.certificates import new_certificate
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.api_client import Caller
from support.servers.proxies import (
    PUBLIC_HOST,
    UNVERIFIED_TLS,
    Apache,
    Caddy,
    CaddyBelowPath,
    Haproxy,
    Nginx,
    NginxBelowPath,
    Proxy,
)
from support.servers.server import Server

from matrix.front import BELOW, FRONT, TLS, TWO
from matrix.table import Cell

KINDS = {"nginx": Nginx, "Caddy": Caddy, "Apache": Apache, "HAProxy": Haproxy}
KINDS |= {f"nginx{BELOW}": NginxBelowPath, f"Caddy{BELOW}": CaddyBelowPath}
ADMIN = "rani@example.com"
AMERICA, TURKEY = "8.8.8.8", "85.111.0.1"


class Front(Caller):
    """A browser that knows only the proxy's address. `direct` knows only the server's."""

    def __init__(self, proxy: Proxy, server: Server) -> None:
        super().__init__()
        self.proxy, self.server, self.direct = proxy, server, Caller()
        self.direct.port, self._http.verify = server.port, False

    @property
    def url(self) -> str:
        return self.proxy.url

    @property
    def socket_url(self) -> str:
        return f"ws{self.url.removeprefix('http')}/"

    def raw(self, request: str) -> bytes:
        """The whole response to a request without a body. The connection has to end by itself."""
        where = urlsplit(self.url)
        with socket.create_connection(("127.0.0.1", where.port), PATIENCE_S) as line:
            if where.scheme == "https":
                line = UNVERIFIED_TLS.wrap_socket(line)
            method, path, version = request.split()
            line.sendall(
                f"{method} {where.path}{path} {version}\r\nHost: {where.netloc}\r\nConnection: close\r\n\r\n".encode()
            )
            return b"".join(iter(lambda: line.recv(65536), b""))


def follows(front: Front, page: Listener) -> None:
    """A page gets its first event, and each visit."""
    with page:
        page.first()
        for _ in range(2):
            page.wait_for_total(front.register("ayesha").ordinal)


def plain_socket(front: Front, cell: Cell) -> None:
    follows(front, PlainSocket(front.socket_url, ssl=UNVERIFIED_TLS if front.url.startswith("https") else None))


def socketio(front: Front, transport: str) -> None:
    path = f"{front.proxy.path}/socket.io"
    follows(front, SocketioSocket(front.url, transports=[transport], socketio_path=path))


def stream(front: Front, cell: Cell) -> None:
    with front.get("/api/stream", stream=True) as answer:
        lines = (line for line in answer.iter_lines(1) if line.startswith(b"data: {"))
        assert json.loads(next(lines)[6:])["type"] == "visitor_update"
        total = front.register("ayesha").ordinal
        assert any(json.loads(line[6:])["stats"]["totalVisits"] == total for line in lines)


def form(front: Front, cell: Cell) -> requests.Session:
    """Log in, and open a page of the panel. Without TLS the browser would drop the cookies."""
    browser = requests.Session()
    browser.verify, browser.trust_env = False, False
    host = f"{PUBLIC_HOST}:{front.proxy.port}" if cell.outcome == "refused" else urlsplit(front.url).netloc
    browser.headers.update({"Host": host, "Origin": f"{urlsplit(front.url).scheme}://{host}"})
    fields = form_on(browser.get(f"{front.url}/login", timeout=PATIENCE_S).text).fields
    del fields["visitorId"]  # it is disabled
    answer = browser.post(f"{front.url}/login", {**fields, "email": ADMIN, "password": PASSWORD}, timeout=PATIENCE_S)
    if cell.outcome == "refused":
        assert (answer.status_code, cell.says in answer.text) == (403, True), answer.text
    else:
        assert browser.get(f"{front.url}/admin/server", timeout=PATIENCE_S).url == f"{front.url}/admin/server"
    return browser


def upload(front: Front, cell: Cell) -> None:
    browser, mark = form(front, cell), BytesIO()
    if cell.outcome == "refused":
        return
    Image.frombytes("RGB", (130, 130), os.urandom(3 * 130 * 130)).save(mark, "PNG")
    page = browser.get(f"{front.url}/admin/server", timeout=PATIENCE_S).text
    (token,) = set(re.findall('name="csrf_token" value="([^"]+)"', page)[:1])
    answer = browser.post(
        f"{front.url}/admin/server/settings/name",
        {"csrf_token": token},
        files={"mark": ("mark.png", mark.getvalue())},
        timeout=PATIENCE_S,
    )
    assert answer.ok, answer.text
    (path,) = set(re.findall(r"/mark/\w+\.png", answer.text))
    assert front.get(path).content == front.direct.get(path).content != b""


def same(front: Front, path: str, **headers: str) -> requests.Response:
    """The response of the proxy, which equals the server's."""
    through, direct = (caller.get(path, headers=headers) for caller in (front, front.direct))
    assert through.status_code == direct.status_code
    assert through.content == direct.content or path == "/", path  # the page has its own address, and tokens
    for name in ("Content-Type", "Content-Encoding", "Cache-Control", "ETag", "Vary", "Content-Security-Policy"):
        assert through.headers.get(name) == direct.headers.get(name) or path == "/", name
    return through


def badge(front: Front, cell: Cell) -> None:
    tag = same(front, "/badge.svg?value=total").headers["ETag"]
    assert same(front, "/badge.svg?value=total", If_None_Match="").ok
    assert front.get("/badge.svg?value=total", headers={"If-None-Match": tag}).status_code == 304


def compression(front: Front, cell: Cell) -> None:
    for path in ("/", "/openapi.json", "/robots.txt"):
        for accepted in ("gzip", "identity"):
            answer = front.get(path, headers={"Accept-Encoding": accepted})
            direct = front.direct.get(path, headers={"Accept-Encoding": accepted})
            assert answer.headers.get("Content-Encoding") == direct.headers.get("Content-Encoding")
            assert path == "/" or answer.content == direct.content != b""


def http_1_0(front: Front, cell: Cell) -> None:
    head, _, body = front.raw("GET /openapi.json HTTP/1.0").partition(b"\r\n\r\n")
    assert b" 200 " in head.partition(b"\r\n")[0]
    assert b"chunked" not in head.lower()
    assert body == front.direct.get("/openapi.json", headers={"Accept-Encoding": "identity"}).content


def head(front: Front, cell: Cell) -> None:
    for path in ("/", "/openapi.json", "/badge.svg?value=total", "/api/stats", "/api/stream"):
        lines, end, body = front.raw(f"HEAD {path} HTTP/1.1").partition(b"\r\n\r\n")
        direct = front.direct._http.head(front.direct.url + path, timeout=PATIENCE_S)
        assert (int(lines.split()[1]), end, body) == (direct.status_code, b"\r\n\r\n", b""), lines


def place_of(front: Front, *headers: tuple[str, str]) -> str:
    """The stored location of a visit with these headers, in their order."""
    where = urlsplit(front.url)
    pool = urllib3.connection_from_url(
        front.url, **({"ssl_context": UNVERIFIED_TLS} if where.scheme == "https" else {})
    )
    sent = urllib3.HTTPHeaderDict([("Content-Type", "application/json"), *headers])
    answer = pool.request("POST", f"{where.path}/api/visitor/register", body=b'{"visitorId": "x"}', headers=sent)
    number = json.loads(answer.data)["visit"]["ordinal"]
    ((place,),) = front.server.database.rows(f"SELECT place FROM visits WHERE ordinal = {number}")
    return place


def absent_header(front: Front, cell: Cell) -> None:
    assert place_of(front) == "Unknown"  # this machine's address
    is_secure = "Strict-Transport-Security" in front.get("/login" if not front.proxy.path else "/api/stats").headers
    assert is_secure == front.url.startswith("https")


def double_header(front: Front, cell: Cell) -> None:
    """A client makes up the headers, each twice."""
    twice = [("X-Forwarded-For", AMERICA), ("X-Forwarded-For", TURKEY), ("X-Forwarded-For", f"{TURKEY}, {AMERICA}")]
    assert place_of(front, *twice) == "Unknown"
    forged = [
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Host", "evil.example"),
        ("Forwarded", f"for={TURKEY}"),
    ]
    assert place_of(front, *forged, *twice) == "Unknown"
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
    assert "evil.example" not in front.get("/robots.txt", headers=headers).text


def restart(front: Front, cell: Cell) -> None:
    """Pages notice, come back, and a visit that is sent again counts once."""
    before = front.register("ayesha", "before").ordinal
    page = PlainSocket(front.socket_url, ssl=UNVERIFIED_TLS if front.url.startswith("https") else None)
    with page:
        page.first()
        front.proxy.kill()
        wait_until(lambda: not page._reader.is_alive(), "the page has noticed")
    with pytest.raises(requests.ConnectionError):
        front.post_visit("ayesha", "before")
    front.proxy.start()
    assert front.register("ayesha", "before").ordinal == before
    plain_socket(front, cell)


SURFACES = {
    "plain socket": plain_socket,
    "Socket.IO by polling": lambda front, cell: socketio(front, "polling"),
    "Socket.IO by socket": lambda front, cell: socketio(front, "websocket"),
    "stream": stream,
    "form": form,
    "upload": upload,
    "badge": badge,
    "compression": compression,
    "HTTP/1.0": http_1_0,
    "HEAD": head,
    "absent forwarding header": absent_header,
    "double forwarding header": double_header,
    "restart of the proxy": restart,
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return new_certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.fixture(scope="module")
def fronts(tmp_path_factory, module_servers, module_sqlite_database, certificate) -> Iterator[dict[str, Front]]:
    """The fronts that cells have asked for, by the name of their column."""
    with ExitStack() as stack:
        yield Fronts(stack, tmp_path_factory, module_servers, module_sqlite_database, certificate)


class Fronts(dict[str, Front]):
    def __init__(self, stack, folders, servers, database, certificate) -> None:
        super().__init__()
        self._stack, self._folders, self._certificate = stack, folders, certificate
        self._start = lambda proxies: servers(
            database, TRUSTED_PROXIES=proxies, ADMIN_EMAIL=ADMIN, ADMIN_PASSWORD=PASSWORD
        ).start()
        self._servers: dict[int, Server] = {}

    def __missing__(self, column: str) -> Front:
        proxies = 2 if TWO in column else 1
        server = self._servers.get(proxies) or self._servers.setdefault(proxies, self._start(proxies))
        upstream = server.port
        if proxies == 2:
            upstream = self._proxy(Nginx, upstream, None).port
        kind = KINDS[column.removesuffix(TLS).removesuffix(TWO)]
        certificate = self._certificate if column.endswith((TLS, TWO)) else None
        return self.setdefault(column, Front(self._proxy(kind, upstream, certificate), server))

    def _proxy(self, kind, upstream, certificate) -> Proxy:
        return self._stack.enter_context(kind(self._folders.mktemp("proxy"), upstream, certificate))


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("cell", FRONT.parameters())
def test_a_surface_works_through_a_proxy_as_its_cell_says(cell, fronts, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)  # the client of Socket.IO would verify certificates again
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    front = fronts[cell.distortion]
    SURFACES[cell.surface](front, cell)
    assert front.server.database.rows("SELECT count(*) FROM visits") == [(front.direct.stats().total,)]


def test_each_documented_configuration_is_a_column():
    assert {column.partition(" ")[0] for column in FRONT.distortions} == {"nginx", "Caddy", "Apache", "HAProxy"}
    assert list(SURFACES) == FRONT.surfaces
