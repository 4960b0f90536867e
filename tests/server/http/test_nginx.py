"""Two workers behind a real nginx with the delivered configuration (deploy/nginx.conf)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import websocket
from support.assertions.ledger import assert_exact
from support.clients.concurrent_registrations import Crowd
from support.clients.event_source import EventSource, StreamListener
from support.clients.listener import PlainListener, SocketioListener
from support.clients.members import PASSWORD, Member
from support.clients.websocket import CloseFrame, WebSocket
from support.clients.worker_connections import two_workers
from support.programs.patience import PATIENCE_S
from support.programs.ports import free_port
from support.programs.processes import wait_until
from support.servers.api_client import Caller
from support.servers.nginx import CONFIGURATION, Nginx, TlsNginx
from support.servers.server import Server

BANGLADESH, AMERICA, GERMANY = "103.4.145.245", "8.8.8.8", "85.214.132.117"
PRIVATE = "private-query-of-ayesha"


class Front(Caller):
    """The public address: nginx as the inner of two proxies. The tests play the outer one."""

    def __init__(self, nginx: Nginx, server: Server) -> None:
        super().__init__()
        self.nginx, self.server, self.port = nginx, server, nginx.port

    def place_of(self, visitor: str, forwarded: str) -> str:
        """Register a visit with this X-Forwarded-For header, and return the visitor's location."""
        before = self.stats().locations
        body = {"visitorId": visitor}
        answer = self.post("/api/visitor/register", json=body, headers={"X-Forwarded-For": forwarded})
        places = answer.json()["stats"]["locations"]
        (place,) = (key for key in places if places[key] != before.get(key))
        return place


@pytest.fixture(scope="module")
def front(tmp_path_factory, module_servers, module_sqlite_database, redis) -> Iterator[Front]:
    settings = {"PORT": free_port(), "REDIS_URL": redis.url, "TRUSTED_PROXIES": 2, "METRICS_TOKEN": None}
    settings |= {"RATE_LIMIT_REGISTRATIONS": 0, "LOG_LEVEL": "DEBUG"}
    with Nginx(tmp_path_factory.mktemp("nginx"), settings["PORT"]) as nginx:
        yield Front(nginx, two_workers(module_servers(module_sqlite_database, **settings)))


@pytest.fixture(scope="module")
def founder(front: Front) -> Member:
    return Member(front, "founder")


@pytest.fixture(scope="module")
def tls(tmp_path_factory, front: Front) -> Iterator[TlsNginx]:
    """Another nginx in front of the same server, with a certificate."""
    with TlsNginx(tmp_path_factory.mktemp("tls"), front.server.port) as nginx:
        yield nginx


PAGES = (PlainListener, lambda port: SocketioListener(port, transports=["websocket"]), StreamListener)
insurance = pytest.mark.long(
    proved_by="server/http/test_nginx.py::test_pages_of_every_kind_receive_every_visit_at_once"
)


def test_pages_of_every_kind_receive_every_visit_at_once(front):
    """nginx must not buffer streams."""
    with ExitStack() as stack:
        pages = [stack.enter_context(page(front.port)) for page in PAGES]
        for page in pages:
            page.first()
        for _ in range(3):
            total = front.register("ayesha").ordinal
            for page in pages:
                page.wait_for_total(total)


def test_visitor_is_where_the_outer_proxy_saw_them_whatever_they_make_up(front):
    assert len({front.place_of(address, address) for address in (BANGLADESH, AMERICA, GERMANY)}) == 3
    assert front.place_of("liar", f"{AMERICA}, {GERMANY}") == front.place_of("honest", GERMANY)


class Browser(Caller):
    """A browser that connects to nginx directly, over TLS if it has the certificate."""

    def __init__(self, port: int, certificate: Path | None = None) -> None:
        super().__init__()
        self.port, self._scheme = port, "https" if certificate else "http"
        if certificate:
            self._http.verify = str(certificate)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def log_in(self, member: Member) -> int:
        """Log in with the form. Returns the status of a page that requires a login."""
        form, headers = {"email": member.email, "password": PASSWORD}, {"Origin": self.url}
        assert self.post("/login", data=form, headers=headers, allow_redirects=False).status_code == 303
        return self.get("/account", allow_redirects=False).status_code


def test_pages_are_secure_where_the_outer_proxy_speaks_tls(front, founder):
    """Otherwise forms on an https: page would count as cross-site. Without a certificate, no login is kept."""
    for scheme, is_secure in (("https", True), ("http", False), ("gopher", False), (None, False)):
        answer = front.get("/login", headers={"X-Forwarded-Proto": scheme} if scheme else {})
        assert ("Strict-Transport-Security" in answer.headers) == is_secure, scheme
    assert Browser(front.port).log_in(founder) == 303


@insurance
def test_with_a_certificate_people_log_in_and_sockets_are_open(tls, founder):
    """Session cookies are sent only over https:, so logins need a certificate. Requests over TLS are not redirected
    again.
    """
    assert Browser(tls.tls_port, tls.certificate).log_in(founder) == 200
    url, trusted = f"wss://127.0.0.1:{tls.tls_port}/", {"ca_certs": str(tls.certificate)}
    with closing(websocket.create_connection(url, timeout=PATIENCE_S, sslopt=trusted)) as page:
        assert json.loads(page.recv())["type"] == "visitor_update"
    plain = Browser(tls.port)
    for method in (plain.get, plain.post):
        answer = method("/communities?page=2", allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (308, "https://127.0.0.1/communities?page=2")
    assert plain.get("/healthz", allow_redirects=False).status_code == 200
    assert plain.get("/login", headers={"X-Forwarded-Proto": "https"}, allow_redirects=False).status_code == 200


def test_metrics_are_not_for_those_who_come_through_it(front):
    assert front.get("/metrics").status_code == 403


def test_list_of_1_mb_passes_and_other_bodies_of_16_kb(front):
    """Routes for lists accept 1 MB, and then ask for a login."""
    lists = ("/api/visits", "/api/communities/dhaka/members", "/api/communities/auth0%7Cdhaka%2F10/members")
    sizes = {**dict.fromkeys(lists, 1024), "/api/visitor/register": 16}
    for path, kb in sizes.items():
        for size, statuses in ((kb * 1024, {400, 401}), (kb * 1024 + 1, {413})):
            answer = front.post(path, data=b"x" * size, headers={"Content-Type": "application/json"})
            assert answer.status_code in statuses, (path, size, answer.text)
            assert size == kb * 1024 or answer.json()["code"] == "body_too_large"


def test_logs_never_contain_link_tokens_and_share_a_request_id(front):
    for path in ("reset-password", "verify-email", "invitations", "api/invitations"):
        token = f"{path[:3]}{'x' * 40}"
        request_id = front.get(f"/{path}/{token}", headers={"X-Request-Id": "made-up"}).headers["X-Request-Id"]
        assert request_id != "made-up"
        for log in (lambda: front.nginx.log_of("access.log"), lambda: front.server.log):
            wait_until(lambda request_id=request_id, log=log: f"request={request_id}" in log(), "its line")
        assert f'path="/{path}/*" status=' in front.nginx.log_of("access.log")
        assert token not in front.nginx.logs + front.server.log


def test_sockets_have_the_times_of_the_reference():
    sockets = CONFIGURATION.read_text().partition("location = / {")[2].partition("location @")[0]
    for name in ("proxy_connect_timeout", "proxy_send_timeout", "proxy_read_timeout"):
        assert sockets.count(f"{name} 7d;") == 3, name


@insurance
def test_restart_behind_it_loses_and_doubles_no_visit(front):
    before = front.stats().total
    with ExitStack() as stack:
        pages = [stack.enter_context(WebSocket(front.port)) for _ in range(4)]
        stream = stack.enter_context(StreamListener(front.port))
        with Crowd([front], 100, clients=8, goes_on=True) as crowd:
            crowd.wait_for(100)
            front.server.stop()
            wait_until(lambda: stream.has_ended, "nginx ends its answer when ours has ended")
            with EventSource(front.port) as away:
                assert away.error == (503, "unavailable")
            two_workers(front.server)
        assert {page.close_frame() for page in pages} == {CloseFrame(1001, "the server is going away")}
    assert_exact(crowd, front.server, before)
    with PlainListener(front.port) as page:
        assert page.first().total == before + crowd.acknowledged


@insurance
def test_nothing_of_a_query_is_in_any_log(front, founder):
    """This holds even while the server is down, when nginx would write the whole request to its error log."""
    paths = (
        f"/?visitorId={PRIVATE}",
        f"/ws/communities/{founder.found()}/visitors/?token={PRIVATE}",
        f"/api/stats?{PRIVATE}",
    )
    referrer = {"Referer": f"https://example.com/?{PRIVATE}", "User-Agent": PRIVATE}

    def ask_all() -> list[int]:
        return [front.get(path, headers=referrer).status_code for path in paths]

    with WebSocket(front.port, path=paths[0]), WebSocket(front.port, path=paths[1]):
        assert ask_all()[2] == 200
    server_log = front.server.log
    front.server.stop()
    try:
        answer = front.get(paths[2])
        assert (answer.status_code, answer.headers["Retry-After"], answer.json()["code"]) == (503, "2", "unavailable")
        assert ask_all() == [503] * 3
    finally:
        two_workers(front.server)
    assert 'path="/api/stats" status=503' in front.nginx.logs
    assert PRIVATE not in front.nginx.logs
    assert PRIVATE not in server_log
