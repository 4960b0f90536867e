"""Responses that are sent while they are generated, mainly exports. They may take any amount of time."""

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from urllib.parse import urlencode

import psutil
import pytest
from http_server import CLOSE, GET, Gate, all_of, answering, eventlet, served, serving, until
from support.application.site import Site
from support.clients.connection import Connection, head
from support.clients.members import Member, promote
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.changed_server import ChangedServer, timed_server
from support.sites.full_site import count_all

from koyjabo.counting.records import NewVisit
from koyjabo.server.http import server as http_server

REQUEST_S, SLOW_S, STEP_S = 36_000.0, 18_000.0, 3600.0
"""Long enough that nothing is late unless a test moves the clock. In SLOW_S, a steady reader takes 5 steps, 5 MB: more
than the system buffers before it asks the server for more.
"""

PLACES = 16
CHANGES = {
    "koyjabo.server.process.worker.MIN_REQUESTS": PLACES,
    "koyjabo.server.http.connections.REQUEST_S": REQUEST_S,
    "koyjabo.server.http.connections.SLOW_RESPONSE_S": SLOW_S,
    "koyjabo.reports.visits.visit_list.PIECE_SIZE": 17,
}
VISITS = 3_000
"""Number of visits in the export: 13 MB, so much more than the system buffers that a slow reader keeps the server
sending.
"""
RECEIVE_BUFFER = 32 * 1024
STEPS = 13  # Number of steps that a slow reader takes. Together they take much longer than a request may.


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[ChangedServer]:
    folder = tmp_path_factory.mktemp("server")
    with timed_server(folder, CHANGES, MAX_CONNECTIONS=PLACES) as server:
        text = "ক" * 500  # 1.5 kB
        texts = {"user_agent": text, "referrer": text, "page": f"/{text}"}
        with Site(server.database.url) as site:
            count_all(site, (NewVisit(f"visitor-{n}", "1", at_ms=site.time.ms, **texts) for n in range(VISITS)))
        yield server


@pytest.fixture(scope="module")
def admin(server: ChangedServer) -> Member:
    admin = Member(server, "rani")
    promote(server, admin)
    return admin


def begin_export(admin: Member) -> tuple[socket.socket, http.client.HTTPResponse]:
    cookies = {cookie.name: cookie.value for cookie in admin.http.cookies}
    cookie_header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    body = urlencode({"csrf_token": cookies["csrf_access_token"], "what": "visits"}).encode()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    connection.settimeout(PATIENCE_S)
    connection.connect(("127.0.0.1", admin.server.port))
    asked = head("POST", "/admin/server/export", f"Content-Length: {len(body)}", f"Cookie: {cookie_header}")
    connection.sendall(asked.replace(b"application/json", b"application/x-www-form-urlencoded") + body)
    answer = http.client.HTTPResponse(connection, method="POST")
    answer.begin()
    assert answer.status == 200
    return connection, answer


@pytest.fixture(scope="module")
def whole(admin: Member) -> bytes:
    """The file, read at full speed."""
    connection, answer = begin_export(admin)
    with closing(connection):
        file = answer.read()
    assert file.count(b"visitor-") == VISITS
    assert len(file) > 13e6
    return file


def is_served(worker: psutil.Process, connection: socket.socket) -> bool:
    """Whether the server still has its end of this connection open."""
    return any(other.raddr == connection.getsockname() for other in worker.net_connections("tcp"))


def test_a_client_that_reads_an_export_steadily_is_not_interrupted(server, admin, whole):
    """Other clients take all places and send nothing. The export takes longer than a request may."""
    connection, answer = begin_export(admin)
    read = bytearray()
    with closing(connection):
        for _ in range(STEPS):
            with ExitStack() as silent:
                for _ in range(PLACES):
                    silent.enter_context(socket.create_connection(("127.0.0.1", server.port)))
                read += answer.read(len(whole) // STEPS + 1)
                server.pass_(STEP_S)
        read += answer.read()
    assert read == whole


def test_a_client_that_stops_reading_an_export_is_disconnected(server, admin, whole):
    connection, answer = begin_export(admin)
    with closing(connection):
        read = answer.read(1000)
        server.pass_(SLOW_S)
        assert is_served(server.worker, connection)

        def is_ended() -> bool:
            server.pass_(REQUEST_S + 1)
            return not is_served(server.worker, connection)

        wait_until(is_ended, "the server has closed it")
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            read += answer.read()
    assert len(read) < len(whole)


def test_clients_that_do_not_read_their_responses_leave_places_to_other_clients(server):
    with ExitStack() as opened:
        for _ in range(PLACES):
            client = opened.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            client.connect(("127.0.0.1", server.port))
            client.sendall(head("GET", "/openapi.json") * 50)
        with Connection(server.port) as other:
            assert other.ask("GET", "/healthz").status == 200


def test_a_client_that_sends_more_than_its_last_request_is_not_reset():
    gate = Gate()
    with served(gate) as ask:
        connection = ask(CLOSE)
        gate.wait_for_request()
        connection.sendall(b"more")
        gate.open()
        assert all_of(connection).endswith(b"abc")
        connection.sendall(b"still open for this")


def test_a_server_that_stops_responds_to_a_request_on_its_way(monkeypatch):
    """The request is on a connection that was just accepted. A silent connection does not delay the exit."""
    monkeypatch.setattr(http_server, "ON_ITS_WAY_S", 3600)
    with serving(answering(b"abc", length=3)) as (server, ask):
        timers: dict[float, Callable[[], object]] = {}
        monkeypatch.setattr(server.runtime, "later", timers.__setitem__)
        connection, silent = ask(b""), ask(b"")
        until(lambda: len(list(server.connections)) == 2)
        server.leave()
        until(lambda: 3600 in timers)
        connection.sendall(GET)
        answer = all_of(connection)
        timers[3600]()
        assert all_of(silent) == b""
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"abc")


def test_a_server_that_stops_sends_the_whole_response_first():
    body = b"x" * 20_000_000
    with serving(answering(body)) as (server, ask):
        connection = ask(GET)
        received = connection.recv(10)
        server.leave()
        eventlet.sleep(0)
        assert (received + all_of(connection)).count(b"x") == len(body)
