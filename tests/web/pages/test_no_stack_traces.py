"""After any internal failure, no response, event or acknowledgement contains a line of a traceback.

The failures are real: the server's process lacks functions that handlers need.
"""

import re
from collections.abc import Iterator

import jwt
import pytest
from support.clients.listener import leave, new_client
from support.clients.members import PASSWORD, PlainMember
from support.clients.websocket import CloseFrame, WebSocket, say
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.changed_server import ChangedServer, changed_server

TAKEN_AWAY = {
    "koyjabo.communities.pages.render_template": None,  # a page
    "koyjabo.web.pages.errors.render_template": None,  # the error page
    "koyjabo.counting.api.stats_or_304": None,  # JSON
    "koyjabo.people.accounts.login.authentication.sign_up": None,  # reads a password
    "koyjabo.web.http.packing.GzipFile": None,  # runs after a page's handler
    "koyjabo.sockets.stream.parse": None,  # a message of a plain socket
    "koyjabo.realtime.events.pong": None,  # an event of Socket.IO
    "koyjabo.sockets.joined_rooms.identify": None,  # joining
    "koyjabo.sockets.permitted_streams.identify": None,  # opening a plain socket of a community
    "koyjabo.reports.visits.export_lines._row": None,  # an export, after its header
}

INSIDE = re.compile(r"Traceback|File \"|\.py\b|NoneType|not callable|line \d+|site-packages|Error:|koyjabo[./]")


def assert_no_traceback(text: str) -> None:
    assert not INSIDE.search(text), text


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[ChangedServer]:
    folder, debug = tmp_path_factory.mktemp("broken"), {"ENVIRONMENT": "development", "FLASK_DEBUG": "1"}
    with changed_server(folder, TAKEN_AWAY, ADMIN_EMAIL="boss@example.com", ADMIN_PASSWORD=PASSWORD, **debug) as server:
        yield server


CALLS = (
    ("/communities", "text/html"),  # a page, and its error page
    ("/", "text/html"),  # the code after a page
    ("/nothing", "text/html"),  # an error page
    ("/api/stats", "application/json"),
)


def test_the_response_to_a_failed_request_contains_no_traceback_and_no_password(server):
    for path, accept in CALLS:
        answer = server.get(path, headers={"Accept": accept})
        assert answer.status_code == 500, path
        assert_no_traceback(f"{answer.headers} {answer.text}")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    answer = server.post("/api/auth/signup", json={"email": "ayesha@example.com", "password": PASSWORD})
    assert answer.status_code == 500
    assert_no_traceback(f"{answer.headers} {answer.text}")
    assert PASSWORD not in answer.text + server.log
    assert "Traceback" in server.log  # the operator sees it


def test_a_plain_socket_that_fails_is_closed_without_a_traceback(server):
    with PlainMember(server.port, "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b", "x") as socket:
        assert socket.wait_for_code() == 1011
        assert_no_traceback(socket.reason)
    with WebSocket(server.port) as socket:
        assert socket.event()["type"] == "visitor_update"
        socket.send(say(type="ping"))
        assert socket.close_frame() == CloseFrame(1011, "")
    wait_until(lambda: "connection_failed" in server.log, "the operator learns it")


def test_the_acknowledgement_of_a_failed_event_has_only_an_error_code(server):
    client = new_client()
    client.connect(server.url, transports=["websocket"], wait_timeout=PATIENCE_S)
    where = {"room": "visitors", "communityId": "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"}
    for event, argument in (("ping", None), ("join", where)):
        answer = client.call(event, argument, timeout=PATIENCE_S)
        assert (answer["ok"], answer["code"]) == (False, "internal_error")
        assert_no_traceback(answer["error"])
    leave(client)


def test_an_export_that_fails_after_its_header_contains_no_traceback(server):
    server.register("ayesha")
    login = server.post("/api/auth/login", json={"email": "boss@example.com", "password": PASSWORD})
    token = login.json()["access_token"]
    form = {"csrf_token": jwt.decode(token, options={"verify_signature": False})["csrf"], "what": "visits"}
    answer = server.post("/admin/server/export", data=form, headers={"Cookie": f"access_token_cookie={token}"})
    assert answer.status_code == 500  # the header is buffered until there is more data
    assert_no_traceback(f"{answer.headers} {answer.text}")
    assert "export_failed" in server.log
