"""A server behind a real Caddy with the delivered configuration (deploy/Caddyfile)."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
import requests
from support.assertions.ledger import assert_exact
from support.clients.concurrent_registrations import Crowd
from support.clients.event_source import EventSource, StreamListener
from support.clients.listener import PlainListener, SocketioListener
from support.clients.members import PASSWORD, Member
from support.clients.websocket import CloseFrame, WebSocket
from support.programs.installed import program
from support.programs.ports import free_port
from support.programs.processes import ROOT, wait_until
from support.servers.api_client import Caller
from support.servers.caddy import CONFIGURATION, Caddy, TlsCaddy
from support.servers.server import Server

PRIVATE = "private-query-of-ayesha"
PAGES = (PlainListener, lambda port: SocketioListener(port, transports=["websocket"]), StreamListener)
insurance = pytest.mark.long(
    proved_by="server/http/test_caddy.py::test_while_the_server_is_away_errors_have_the_form_of_its_own"
)


class Front(Caller):
    """The public address."""

    def __init__(self, caddy: Caddy, server: Server) -> None:
        super().__init__()
        self.caddy, self.server, self.port = caddy, server, caddy.port


def assert_away(answer: requests.Response) -> None:
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["code"]) == (503, "2", "unavailable")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"


def test_while_the_server_is_away_errors_have_the_form_of_its_own(tmp_path):
    with Caddy(tmp_path, free_port()) as caddy:
        for answer in (requests.get(f"{caddy.url}/api/stats?{PRIVATE}"), requests.post(f"{caddy.url}/", data="x")):
            assert_away(answer)
    assert PRIVATE not in caddy.log


def test_blocks_that_an_operator_writes_for_each_app_are_valid(tmp_path):
    """The blocks from docs/install.md replace the last block of the Caddyfile."""
    page = (ROOT / "docs" / "install.md").read_text()
    blocks = re.findall(r"^```\n(\S+ \{\n.*?^\}\n)```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    shared, _, _ = CONFIGURATION.read_text().partition("# One block like this")
    configuration = tmp_path / "Caddyfile"
    configuration.write_text(shared + "".join(blocks))
    command = [program("caddy", "`make tools` brings it"), "adapt", "--adapter", "caddyfile", "--config", configuration]
    adapted = subprocess.run(command, capture_output=True, text=True, check=True)
    for address in ("live.example.com", "shop.example.com", "127.0.0.1:8000", "127.0.0.1:8001"):
        assert f'"{address}"' in adapted.stdout


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database) -> Server:
    limits = {"RATE_LIMIT_REGISTRATIONS": 0, "LOG_LEVEL": "DEBUG", "METRICS_TOKEN": None}
    return module_servers(module_sqlite_database, PORT=free_port(), TRUSTED_PROXIES=1, **limits).start()


@pytest.fixture(scope="module")
def front(tmp_path_factory, server) -> Iterator[Front]:
    with Caddy(tmp_path_factory.mktemp("caddy"), int(server.settings["PORT"])) as caddy:
        yield Front(caddy, server)


@insurance
def test_pages_of_every_kind_receive_every_visit_at_once(front):
    """Caddy must not buffer streams."""
    with ExitStack() as stack:
        pages = [stack.enter_context(page(front.port)) for page in PAGES]
        for page in pages:
            page.first()
        for _ in range(3):
            total = front.register("ayesha").ordinal
            for page in pages:
                page.wait_for_total(total)


@insurance
def test_client_cannot_choose_its_address_scheme_or_request_id(front):
    """The client's real address is this machine's, which has no location."""
    headers = {"X-Forwarded-For": "8.8.8.8", "X-Forwarded-Proto": "https", "X-Request-Id": "made-up"}
    before = front.stats().locations
    answer = front.post("/api/visitor/register", json={"visitorId": "liar"}, headers=headers)
    places = answer.json()["stats"]["locations"]
    assert [place for place in places if places[place] != before.get(place)] == ["Unknown"]
    page = front.get("/login", headers=headers)
    assert "Strict-Transport-Security" not in page.headers
    assert page.headers["X-Request-Id"] != "made-up"
    wait_until(lambda: f"request={page.headers['X-Request-Id']}" in front.server.log, "its line in the log")
    assert front.get("/metrics").status_code == 403


@insurance
def test_bodies_have_the_limits_of_the_server(front):
    """The route for lists accepts 1 MB, and then asks for a login."""
    for path, kb, status in (("/api/visits", 1024, 401), ("/api/visitor/register", 16, 400)):
        for size, expected in ((kb * 1024, status), (kb * 1024 + 1, status if status == 401 else 413)):
            answer = front.post(path, data=b"x" * size, headers={"Content-Type": "application/json"})
            assert answer.status_code == expected, (path, size, answer.text)


@insurance
def test_scripts_and_styles_are_compressed(front):
    match = re.search(r"/static/[^\s\"'>]+\.css[^\s\"'>]*", front.get("/install").text)
    assert match
    answer = front.get(match[0], headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]


def is_reached(browser: requests.Session, caddy: TlsCaddy) -> bool:
    with suppress(OSError):  # the file or the certificate does not exist yet
        return browser.get(f"{caddy.url}/healthz").ok
    return False


@insurance
def test_people_log_in_over_https(front, tmp_path):
    member = Member(front, "founder")
    with TlsCaddy(tmp_path, front.server.port) as caddy, requests.Session() as browser:
        browser.trust_env = False
        browser.verify = str(caddy.certificate)
        wait_until(lambda: is_reached(browser, caddy), "it has made its certificate")
        form = {"email": member.email, "password": PASSWORD}
        answer = browser.post(f"{caddy.url}/login", form, headers={"Origin": caddy.url}, allow_redirects=False)
        assert answer.status_code == 303, answer.text
        assert "Strict-Transport-Security" in answer.headers
        assert browser.get(f"{caddy.url}/account", allow_redirects=False).status_code == 200


@insurance
def test_restart_behind_it_loses_and_doubles_no_visit(front):
    before = front.stats().total
    with ExitStack() as stack:
        pages = [stack.enter_context(WebSocket(front.port)) for _ in range(4)]
        stream = stack.enter_context(StreamListener(front.port))
        with Crowd([front], 100, clients=8, goes_on=True) as crowd:
            crowd.wait_for(100)
            front.server.stop()
            wait_until(lambda: stream.has_ended, "Caddy ends its answer when the server has ended")
            with EventSource(front.port) as away:
                assert away.error == (503, "unavailable")
            front.server.start()
        assert {page.close_frame() for page in pages} == {CloseFrame(1001, "the server is going away")}
    assert_exact(crowd, front.server, before)
    assert PRIVATE not in front.caddy.log
