"""A server behind a real nginx and a real Caddy with the delivered configurations (deploy/)."""

import json
import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from support.clients.event_source import StreamListener
from support.clients.listener import PlainListener, SocketioListener
from support.clients.members import PASSWORD, Member
from support.clients.websocket import WebSocket
from support.clients.worker_connections import two_workers
from support.databases.database import SqliteDatabase
from support.programs.installed import program
from support.programs.patience import PATIENCE_S
from support.programs.ports import free_port
from support.programs.processes import ROOT, wait_until
from support.servers.api_client import Caller
from support.servers.proxies import CADDY_CONFIGURATION, Caddy, Nginx, replaced
from support.servers.server import Server
from websockets.sync.client import connect

BANGLADESH, AMERICA, GERMANY = "103.4.145.245", "8.8.8.8", "85.214.132.117"
PRIVATE = "private-query-of-ayesha"
PAGES = (PlainListener, lambda port: SocketioListener(port, transports=["websocket"]), StreamListener)
LIMITS = {"RATE_LIMIT_REGISTRATIONS": 0, "LOG_LEVEL": "DEBUG", "METRICS_TOKEN": None}
insurance = pytest.mark.long(
    proved_by="server/http/test_fronts.py::test_pages_behind_a_proxy_receive_every_visit_at_once"
)


class Front(Caller):
    """The public address. nginx is the inner one of two proxies; the tests play the outer one."""

    def __init__(self, proxy: Nginx | Caddy, server: Server, start: Callable[[Server], object]) -> None:
        super().__init__()
        self.proxy, self.server, self.start, self.port = proxy, server, start, proxy.port

    def place_of(self, visitor: str, **headers: str) -> str:
        """Register a visit with these headers, and return the visitor's location."""
        before = self.stats().locations
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.post("/api/visitor/register", json={"visitorId": visitor}, headers=sent)
        places = answer.json()["stats"]["locations"]
        (place,) = (key for key in places if places[key] != before.get(key))
        return place


@pytest.fixture(scope="module")
def nginx(tmp_path_factory, module_servers, module_sqlite_database, redis) -> Iterator[Front]:
    settings = {**LIMITS, "PORT": free_port(), "REDIS_URL": redis.url, "TRUSTED_PROXIES": 2}
    with Nginx(tmp_path_factory.mktemp("nginx"), settings["PORT"]) as proxy:
        yield Front(proxy, two_workers(module_servers(module_sqlite_database, **settings)), two_workers)


@pytest.fixture(scope="module")
def caddy(tmp_path_factory, module_servers) -> Iterator[Front]:
    database, port = SqliteDatabase.migrated(tmp_path_factory.mktemp("database") / "koyjabo.db"), free_port()
    with Caddy(tmp_path_factory.mktemp("caddy"), port) as proxy:
        yield Front(proxy, module_servers(database, PORT=port, TRUSTED_PROXIES=1, **LIMITS).start(), Server.start)


@pytest.fixture(params=["nginx", "caddy"])
def front(request) -> Front:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def founder(nginx: Front) -> Member:
    return Member(nginx, "founder")


@pytest.mark.parametrize("front", ["nginx", pytest.param("caddy", marks=pytest.mark.long)], indirect=True)
def test_pages_behind_a_proxy_receive_every_visit_at_once(front):
    """A proxy must not buffer streams."""
    with ExitStack() as stack:
        pages = [stack.enter_context(page(front.port)) for page in PAGES]
        for page in pages:
            page.first()
        for _ in range(3):
            total = front.register("ayesha").ordinal
            for page in pages:
                page.wait_for_total(total)


def test_caddy_responds_for_a_server_that_is_away_as_the_server_would(tmp_path):
    with Caddy(tmp_path, free_port()) as caddy:
        for answer in (requests.get(f"{caddy.url}/api/stats?{PRIVATE}"), requests.post(f"{caddy.url}/", data="x")):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
            assert (answer.json()["code"], answer.headers["Content-Type"]) == ("unavailable", "application/json")
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert PRIVATE not in caddy.log


def test_caddy_accepts_the_documented_blocks_for_several_apps(tmp_path):
    """The blocks from docs/install.md replace the last block of the Caddyfile."""
    page = (ROOT / "docs" / "install.md").read_text()
    blocks = re.findall(r"^```\n(\S+ \{\n.*?^\}\n)```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    shared, _, _ = CADDY_CONFIGURATION.read_text().partition("# One block like this")
    configuration = tmp_path / "Caddyfile"
    configuration.write_text(shared + "".join(blocks))
    command = [program("caddy", "`make tools` brings it"), "adapt", "--adapter", "caddyfile", "--config", configuration]
    adapted = subprocess.run(command, capture_output=True, text=True, check=True)
    for address in ("live.example.com", "shop.example.com", "127.0.0.1:8000", "127.0.0.1:8001"):
        assert f'"{address}"' in adapted.stdout


def test_the_location_of_a_visitor_comes_from_the_outer_proxy_and_not_from_the_client(nginx):
    places = {nginx.place_of(address, X_Forwarded_For=address) for address in (BANGLADESH, AMERICA, GERMANY)}
    assert len(places) == 3
    made_up = nginx.place_of("liar", X_Forwarded_For=f"{AMERICA}, {GERMANY}")
    assert made_up == nginx.place_of("honest", X_Forwarded_For=GERMANY)


@insurance
def test_a_client_of_caddy_cannot_choose_its_address_or_its_request_id(caddy):
    """The client's real address is this machine's, which has no location."""
    assert caddy.place_of("liar", X_Forwarded_For=AMERICA) == "Unknown"
    page = caddy.get("/login", headers={"X-Forwarded-Proto": "https", "X-Request-Id": "made-up"})
    assert "Strict-Transport-Security" not in page.headers
    assert page.headers["X-Request-Id"] != "made-up"
    wait_until(lambda: f"request={page.headers['X-Request-Id']}" in caddy.server.log, "its line in the log")


@pytest.mark.parametrize("front", ["nginx", pytest.param("caddy", marks=pytest.mark.long)], indirect=True)
def test_clients_of_a_proxy_cannot_read_the_metrics(front):
    assert front.get("/metrics").status_code == 403


@pytest.mark.parametrize("front", ["nginx", pytest.param("caddy", marks=pytest.mark.long)], indirect=True)
def test_a_proxy_passes_lists_of_1_mb_and_other_bodies_of_16_kb(front):
    """Routes for lists accept 1 MB, and then ask for a login. Only nginx limits lists itself."""
    lists = ("/api/visits", "/api/communities/dhaka/members", "/api/communities/auth0%7Cdhaka%2F10/members")
    for path, kb in {**dict.fromkeys(lists, 1024), "/api/visitor/register": 16}.items():
        for size in (kb * 1024, kb * 1024 + 1):
            answer = front.post(path, data=b"x" * size, headers={"Content-Type": "application/json"})
            is_refused = size > kb * 1024 and (kb == 16 or isinstance(front.proxy, Nginx))
            assert answer.status_code in ({413} if is_refused else {400, 401}), (path, size, answer.text)
            assert not is_refused or answer.json()["code"] == "body_too_large"


def test_the_logs_of_the_proxy_and_the_server_share_a_request_id_and_contain_no_link_token(nginx):
    for path in ("reset-password", "verify-email", "invitations", "api/invitations"):
        token = f"{path[:3]}{'x' * 40}"
        request_id = nginx.get(f"/{path}/{token}", headers={"X-Request-Id": "made-up"}).headers["X-Request-Id"]
        assert request_id != "made-up"
        for log in (lambda: nginx.proxy.log_of("access.log"), lambda: nginx.server.log):
            wait_until(lambda request_id=request_id, log=log: f"request={request_id}" in log(), "its line")
        assert f'path="/{path}/*" status=' in nginx.proxy.log_of("access.log")
        assert token not in nginx.proxy.logs + nginx.server.log


@insurance
def test_the_logs_of_the_proxy_and_the_server_contain_no_query(nginx, founder):
    """This holds even while the server is down, when nginx would write the whole request to its error log."""
    socket, community = f"/?visitorId={PRIVATE}", f"/ws/communities/{founder.found()}/visitors/?token={PRIVATE}"
    paths = (socket, community, f"/api/stats?{PRIVATE}")
    referrer = {"Referer": f"https://example.com/?{PRIVATE}", "User-Agent": PRIVATE}

    def ask_all() -> list[int]:
        return [nginx.get(path, headers=referrer).status_code for path in paths]

    with WebSocket(nginx.port, path=socket), WebSocket(nginx.port, path=community):
        assert ask_all()[2] == 200
    server_log = nginx.server.log
    nginx.server.stop()
    try:
        assert ask_all() == [503] * 3
    finally:
        two_workers(nginx.server)
    assert 'path="/api/stats" status=503' in nginx.proxy.logs
    assert PRIVATE not in nginx.proxy.logs + server_log


# Over TLS.

NEEDS_CERTIFICATE = re.compile(r"^        # (listen 443 |ssl_certificate |ssl_certificate_key |if )", re.MULTILINE)
"""Commented-out lines of the configuration that need a certificate."""


class TlsNginx(Nginx):
    """An nginx that also serves TLS, with the commented-out lines enabled and its own certificate."""

    def __init__(self, folder: Path, upstream: int) -> None:
        super().__init__(folder, upstream)
        self.tls_port = free_port()
        self.certificate = folder / "fullchain.pem"

    def command(self) -> tuple[str | Path, ...]:
        made = [program("openssl", "Debian has it"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
        made += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        made += ["-keyout", str(self.folder / "privkey.pem"), "-out", str(self.certificate)]
        subprocess.run(made, check=True, capture_output=True)
        return super().command()

    def _configuration(self) -> str:
        text, waited = NEEDS_CERTIFICATE.subn(r"        \1", super()._configuration())
        assert waited == 4
        return replaced(
            text,
            {
                "listen 443 ssl;": f"listen 127.0.0.1:{self.tls_port} ssl;",
                "/etc/nginx/tls/fullchain.pem": str(self.certificate),
                "/etc/nginx/tls/privkey.pem": str(self.folder / "privkey.pem"),
            },
        )


def log_in(browser: requests.Session, url: str, member: Member) -> int:
    """Log in with the form. Returns the status of a page that requires a login."""
    form, origin = {"email": member.email, "password": PASSWORD}, {"Origin": url}
    answer = browser.post(f"{url}/login", form, headers=origin, allow_redirects=False)
    assert answer.status_code == 303, answer.text
    return browser.get(f"{url}/account", allow_redirects=False).status_code


def new_browser(certificate: object = None) -> requests.Session:
    browser = requests.Session()
    browser.trust_env = False
    if certificate:
        browser.verify = str(certificate)
    return browser


def test_pages_are_secure_if_the_outer_proxy_uses_tls(nginx, founder):
    """Otherwise forms on an https: page would count as cross-site. Without a certificate, no login is kept."""
    for scheme, is_secure in (("https", True), ("http", False), ("gopher", False), (None, False)):
        answer = nginx.get("/login", headers={"X-Forwarded-Proto": scheme} if scheme else {})
        assert ("Strict-Transport-Security" in answer.headers) == is_secure, scheme
    assert log_in(new_browser(), nginx.url, founder) == 303


@insurance
def test_users_log_in_and_open_sockets_through_the_tls_of_nginx(nginx, founder, tmp_path):
    """Requests over TLS are not redirected again."""
    with TlsNginx(tmp_path, nginx.server.port) as tls:
        secure, plain = f"127.0.0.1:{tls.tls_port}", f"http://127.0.0.1:{tls.port}"
        assert log_in(new_browser(tls.certificate), f"https://{secure}", founder) == 200
        trusted = ssl.create_default_context(cafile=tls.certificate)
        with connect(f"wss://{secure}/", ssl=trusted, proxy=None) as page:
            assert json.loads(page.recv(PATIENCE_S))["type"] == "visitor_update"
        for method in (requests.get, requests.post):
            answer = method(f"{plain}/communities?page=2", allow_redirects=False)
            assert (answer.status_code, answer.headers["Location"]) == (308, "https://127.0.0.1/communities?page=2")
        for path in ("/healthz", "/login"):
            forwarded = {"X-Forwarded-Proto": "https"} if path == "/login" else {}
            assert requests.get(plain + path, headers=forwarded, allow_redirects=False).status_code == 200
