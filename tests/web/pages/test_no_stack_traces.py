"""After any internal failure, no response, event or acknowledgement contains a line of a traceback.

The failures are real: the server's process lacks functions that handlers need.
"""

import re
from collections.abc import Iterator

import jwt
import pytest
import socketio
from support.clients.listener import leave
from support.clients.members import PASSWORD, PlainMember
from support.clients.websocket import CloseFrame, WebSocket, say
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.changed_server import ChangedServer, changed_server

TAKEN_AWAY = {
    "koyjabo.communities.pages.render_template": None,  # a page
    "koyjabo.web.pages.errors.render_template": None,  # the error page
    "koyjabo.counting.api.stats_or_304": None,  # JSON
    "koyjabo.people.accounts.api.auth.authentication": None,  # checks a password
    "koyjabo.web.http.responses.g": None,  # runs after a page's handler
    "koyjabo.sockets.stream.parse": None,  # a message of a plain socket
    "koyjabo.realtime.events.pong": None,  # an event of Socket.IO
    "koyjabo.sockets.joined_rooms.identify": None,  # joining
    "koyjabo.sockets.permitted_streams.identify": None,  # opening a plain socket of a community
    "koyjabo.reports.visits.export_lines._row": None,  # an export, after its header
}

INSIDE = re.compile(r"Traceback|File \"|\.py\b|NoneType|not callable|line \d+|site-packages|Error:|koyjabo[./]")


def assert_says_nothing(text: str) -> None:
    assert not INSIDE.search(text), text


@pytest.fixture(scope="module", params=["development", pytest.param("production", marks=pytest.mark.long)])
def server(request, tmp_path_factory) -> Iterator[ChangedServer]:
    settings = {"ENVIRONMENT": request.param, "FLASK_DEBUG": "1" if request.param == "development" else "0"}
    with changed_server(tmp_path_factory.mktemp("broken"), TAKEN_AWAY, **settings) as server:
        yield server


CALLS = (
    ("/communities", "text/html"),  # a page, and its error page
    ("/", "text/html"),  # the code after a page
    ("/nothing", "text/html"),  # an error page
    ("/api/stats", "application/json"),
)


def test_answers_say_nothing(server):
    for path, accept in CALLS:
        answer = server.get(path, headers={"Accept": accept})
        assert answer.status_code == 500, path
        assert_says_nothing(f"{answer.headers} {answer.text}")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Traceback" in server.log  # the operator sees it


def test_neither_answer_nor_log_repeats_a_password(server):
    answer = server.post("/api/auth/signup", json={"email": "ayesha@example.com", "password": PASSWORD})
    assert answer.status_code == 500
    assert_says_nothing(f"{answer.headers} {answer.text}")
    assert PASSWORD not in answer.text + server.log


def test_plain_sockets_say_nothing(server):
    with PlainMember(server.port, "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b", "x") as socket:
        assert socket.wait_for_code() == 1011
        assert_says_nothing(socket.reason)
    with WebSocket(server.port) as socket:
        assert socket.event()["type"] == "visitor_update"
        socket.send(say(type="ping"))
        assert socket.close_frame() == CloseFrame(1011, "")
    wait_until(lambda: "connection_failed" in server.log, "the operator learns it")


def test_acknowledgements_say_that_it_failed_and_no_more(server):
    client = socketio.Client(reconnection=False)
    client.connect(server.url, transports=["websocket"], wait_timeout=PATIENCE_S)
    where = {"room": "visitors", "communityId": "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"}
    for event, argument in (("ping", None), ("join", where)):
        answer = client.call(event, argument, timeout=PATIENCE_S)
        assert (answer["ok"], answer["code"]) == (False, "internal_error")
        assert_says_nothing(answer["error"])
    leave(client)


@pytest.fixture
def breaking(tmp_path) -> Iterator[ChangedServer]:
    """A server with an admin, where an export fails after its header."""
    admin = {"ADMIN_EMAIL": "boss@example.com", "ADMIN_PASSWORD": PASSWORD}
    with changed_server(tmp_path, {"koyjabo.reports.visits.export_lines._row": None}, **admin) as server:
        yield server


def test_file_that_breaks_off_says_no_more(breaking):
    breaking.register("ayesha")
    login = breaking.post("/api/auth/login", json={"email": "boss@example.com", "password": PASSWORD})
    token = login.json()["access_token"]
    form = {"csrf_token": jwt.decode(token, options={"verify_signature": False})["csrf"], "what": "visits"}
    answer = breaking.post("/admin/data/export", data=form, headers={"Cookie": f"access_token_cookie={token}"})
    assert answer.status_code == 500  # the header is buffered until there is more data
    assert_says_nothing(f"{answer.headers} {answer.text}")
    assert "export_failed" in breaking.log
    assert "Traceback" in breaking.log
