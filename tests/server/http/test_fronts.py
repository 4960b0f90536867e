"""A server behind a real nginx, Caddy and Apache with our configurations (deploy/, docs/behind-a-proxy.md)."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest
import requests
from support.application.site import SETTINGS
from support.clients.event_source import StreamListener
from support.clients.listener import PlainListener, SocketioListener
from support.clients.websocket import WebSocket
from support.clients.worker_connections import two_workers
from support.programs.applications import copied_routes
from support.programs.installed import program
from support.programs.patience import PATIENCE_S
from support.programs.ports import free_port
from support.programs.processes import ROOT, wait_until
from support.servers.api_client import Caller
from support.servers.proxies import CADDY_CONFIGURATION, Apache, Caddy, Nginx
from support.servers.server import Server

import config
from koyjabo.web.http.body_sizes import body_sizes_of

BANGLADESH, AMERICA, GERMANY, TURKEY = "103.4.145.245", "8.8.8.8", "85.214.132.117", "85.111.0.1"
PRIVATE = "private-query-of-ayesha"
PAGES = (PlainListener, lambda port: SocketioListener(port, transports=["websocket"]), StreamListener)
TOKEN = "Token-of-a-link-0123456789"
PROOF = "server/http/test_fronts.py::test_{}"
ANY_PROXY = pytest.mark.long(proved_by=PROOF.format("pages_behind_a_proxy_receive_every_visit_at_once"))
LIMITS = {"RATE_LIMIT_REGISTRATIONS": 0, "LOG_LEVEL": "DEBUG", "METRICS_TOKEN": None}


class Front(Caller):
    """The public address. nginx is the inner one of two proxies; the tests play the outer one."""

    def __init__(self, proxy: Nginx | Caddy, server: Server) -> None:
        super().__init__()
        self.proxy, self.server, self.port = proxy, server, proxy.port

    def place_of(self, visitor: str, **headers: str) -> str:
        """Register a visit with these headers, and return its stored location."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        assert self.post("/api/visitor/register", json={"visitorId": visitor}, headers=sent).ok
        ((place,),) = self.server.database.rows(f"SELECT place FROM visits WHERE visitor_id = '{visitor}'")
        return place


@pytest.fixture(scope="module")
def nginx(tmp_path_factory, module_servers, module_sqlite_database, redis) -> Iterator[Front]:
    settings = {**LIMITS, "PORT": free_port(), "REDIS_URL": redis.url, "TRUSTED_PROXIES": 2}
    with Nginx(tmp_path_factory.mktemp("nginx"), settings["PORT"]) as proxy:
        yield Front(proxy, two_workers(module_servers(module_sqlite_database, **settings)))


@pytest.fixture(scope="module")
def caddy(nginx, tmp_path_factory) -> Iterator[Front]:
    with Caddy(tmp_path_factory.mktemp("caddy"), nginx.server.port) as proxy:
        yield Front(proxy, nginx.server)


@pytest.fixture(scope="module")
def apache(nginx, tmp_path_factory) -> Iterator[Front]:
    with Apache(tmp_path_factory.mktemp("apache"), nginx.server.port) as proxy:
        yield Front(proxy, nginx.server)


@pytest.fixture(scope="module")
def routes():
    return copied_routes(config.load(SETTINGS), SETTINGS)


@pytest.fixture(params=["nginx", "caddy", pytest.param("apache", marks=ANY_PROXY)])
def front(request) -> Front:
    return request.getfixturevalue(request.param)


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


@pytest.mark.parametrize("kind", [Nginx, Caddy])
def test_a_proxy_responds_like_the_server_while_it_is_away_and_logs_no_query(tmp_path, kind):
    """nginx would write the whole request to its error log."""
    private = {"Referer": f"https://example.com/?{PRIVATE}", "User-Agent": PRIVATE}
    with kind(tmp_path, free_port()) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        for answer in (requests.get(f"{url}/api/stats?{PRIVATE}", headers=private), requests.post(f"{url}/", data="x")):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
            assert (answer.json()["code"], answer.headers["Content-Type"]) == ("unavailable", "application/json")
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
        requests.get(f"{url}/ws/communities/mirpur/visitors/?token={PRIVATE}", headers=private)
    assert PRIVATE not in (proxy.logs if isinstance(proxy, Nginx) else proxy.log)


def test_caddy_accepts_the_documented_blocks_for_several_apps(tmp_path):
    """The blocks from docs/install.md replace the last block of the Caddyfile."""
    page = (ROOT / "docs" / "install.md").read_text()
    blocks = re.findall(r"^```\n(\S+ \{\n.*?^\}\n)```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    shared, _, _ = CADDY_CONFIGURATION.read_text().partition("# One block like this")
    configuration = tmp_path / "Caddyfile"
    configuration.write_text(shared + "".join(blocks))
    command = [program("caddy"), "adapt", "--adapter", "caddyfile", "--config", configuration]
    adapted = subprocess.run(command, capture_output=True, text=True, check=True)
    for address in ("live.example.com", "shop.example.com", "127.0.0.1:8000", "127.0.0.1:8001"):
        assert f'"{address}"' in adapted.stdout


def test_the_location_header_of_a_client_is_replaced_by_the_outer_proxy(nginx, caddy):
    """Caddy passes on only its client's address, which is this machine's."""
    places = {nginx.place_of(address, X_Forwarded_For=address) for address in (BANGLADESH, AMERICA, GERMANY)}
    assert len(places) == 3
    made_up = nginx.place_of("liar", X_Forwarded_For=f"{AMERICA}, {GERMANY}")
    assert made_up == nginx.place_of("honest", X_Forwarded_For=GERMANY)
    assert caddy.place_of("behind-caddy", X_Forwarded_For=TURKEY) == "Unknown"
    assert caddy.get("/login", headers={"X-Request-Id": "made-up"}).headers["X-Request-Id"] != "made-up"


def test_clients_of_a_proxy_cannot_read_the_metrics(front):
    assert front.get("/metrics").status_code == 403


def test_a_proxy_limits_bodies_to_16_kb_except_on_routes_that_take_1_mb(front, routes):
    """These routes then ask for a login. Only nginx limits larger bodies before it asks the server."""
    sizes = body_sizes_of(routes)
    rules = {re.sub("<.*>", "auth0%7Cdhaka%2F10", rule.rule) for rule in routes.url_map.iter_rules()}
    large = sorted(path for path in rules if sizes.largest_at(path) > 16 * 1024)
    assert len(large) >= 3
    for path, kb in {**dict.fromkeys([*large, "/api/visits/"], 1024), "/api/visitor/register": 16}.items():
        for size in (kb * 1024, kb * 1024 + 1):
            answer = front.post(path, data=b"x" * size, headers={"Content-Type": "application/json"})
            is_refused = size > kb * 1024 and (kb == 16 or type(front.proxy) is Nginx)
            assert (answer.status_code == 413) == is_refused or size > 1024 * 1024, (path, size, answer.text)
            assert not is_refused or answer.json()["code"] == "body_too_large"


def test_a_token_in_a_path_appears_in_no_log_in_any_spelling(front, routes):
    rules = {rule.rule for rule in routes.url_map.iter_rules() if "<token>" in rule.rule}
    assert len(rules) > 10
    for path in (rule.replace("<token>", TOKEN) for rule in rules):
        first = f"%{ord(path[1]):02x}{path[2:]}"
        for spelling in (path, f"/{path}", f"/.{path}", path.upper().replace(TOKEN.upper(), TOKEN), f"/{first}"):
            connection = HTTPConnection("127.0.0.1", front.port, timeout=PATIENCE_S)
            connection.request("GET", spelling)
            assert connection.getresponse().read() is not None
            connection.close()
    front.get("/api/stats?last")
    logs = (lambda: front.proxy.logs if isinstance(front.proxy, Nginx) else front.proxy.log), lambda: front.server.log
    wait_until(lambda: "/api/stats" in front.server.log, "the last request is logged")
    assert all(TOKEN not in log() for log in logs)


def test_a_proxy_and_its_server_log_the_same_request_id_and_no_query(nginx):
    for path in ("reset-password", "verify-email", "invitations", "api/invitations"):
        token = f"{path[:3]}{'x' * 40}"
        request_id = nginx.get(f"/{path}/{token}", headers={"X-Request-Id": "made-up"}).headers["X-Request-Id"]
        assert request_id != "made-up"
        for log in (lambda: nginx.proxy.log_of("access.log"), lambda: nginx.server.log):
            wait_until(lambda request_id=request_id, log=log: f"request={request_id}" in log(), "its line")
        assert f'path="/{path}/*" status=' in nginx.proxy.log_of("access.log")
        assert token not in nginx.proxy.logs + nginx.server.log
    with WebSocket(nginx.port, path=f"/?visitorId={PRIVATE}") as page:
        page.event()
        nginx.get(f"/api/stats?{PRIVATE}", headers={"Referer": f"https://example.com/?{PRIVATE}"})
    assert PRIVATE not in nginx.proxy.logs + nginx.server.log


def test_pages_are_secure_if_the_outer_proxy_uses_tls(nginx):
    """Otherwise forms on an https: page would count as cross-site."""
    for scheme, is_secure in (("https", True), ("http", False), ("gopher", False), (None, False)):
        answer = nginx.get("/login", headers={"X-Forwarded-Proto": scheme} if scheme else {})
        assert ("Strict-Transport-Security" in answer.headers) == is_secure, scheme
