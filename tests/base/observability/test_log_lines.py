"""Lines of the log: one for each event, in both formats, with nothing personal."""

import fcntl
import io
import json
import logging
import os
import re
import signal
import sys
from collections.abc import Iterator
from typing import IO, Any

import pytest
from support.clients.members import Member, PlainMember, SocketioMember
from support.clients.websocket import SocketIO, WebSocket
from support.programs.forking import Program
from support.programs.processes import METRICS_TOKEN, run, wait_until
from support.servers import changed_server
from support.servers.server import SERVING, Server

from koyjabo.base.observability import logs
from koyjabo.base.observability.log_writer import LogWriter
from koyjabo.base.observability.logs import request_id

KEY = re.compile(r"(\w+)=(\S+)")
PERSONAL = "zephyrine"  # a string contained in every personal value
ADDRESS = "203.0.113.77"

IN_TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error) koyjabo[\w.]* \w+|    ")
"""The start of each line. Tracebacks are indented."""


def lines(server: Server, event: str, **values: Any) -> list[dict[str, str]]:
    parsed = [dict(KEY.findall(line)) for line in server.log.splitlines() if f" {event} " in line]
    return [line for line in parsed if all(line.get(key) == str(value) for key, value in values.items())]


def wait_for_line(server: Server, event: str, **values: Any) -> dict[str, str]:
    return wait_until(lambda: lines(server, event, **values), f"{event} {values}")[0]


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database) -> Server:
    return module_servers(module_sqlite_database, LOG_LEVEL="DEBUG", TRUSTED_PROXIES=1, RATE_LIMIT_LOGINS=20).start()


def test_the_log_shows_a_visit_from_its_request_to_its_broadcast(server):
    with WebSocket(server.port) as page:
        page.event()
        answer = server.post_visit("ayesha")
        counts = answer.json()
        visit = wait_for_line(server, "visit_registered", request=answer.headers["X-Request-Id"])
        assert (visit["ordinal"], visit["duplicate"]) == (str(counts["visit"]["ordinal"]), "False")
        request = wait_for_line(server, "request", request=visit["request"])
        assert (request["route"], request["status"]) == ("/api/visitor/register", "200")
        shown = page.event()["stats"]
        assert shown["totalVisits"] >= counts["visit"]["ordinal"]
        wait_for_line(server, "broadcast", room="stats", revision=shown["revision"], clients=1)
        broadcasts = [int(line["revision"]) for line in lines(server, "broadcast", room="stats")]
    (first,) = [broadcast for broadcast in broadcasts if broadcast >= int(visit["revision"])][:1]
    assert first == shown["revision"]


def test_the_sockets_of_one_address_cannot_fill_the_log(server):
    def open_and_close(address: str, kind: type[WebSocket]) -> None:
        with kind(server.port, f"X-Forwarded-For: {address}") as socket:
            assert socket.is_answered()

    def counts() -> list[int]:
        return [server.log.count(text) for text in ("socket_opened", "socket_closed", ADDRESS)]

    opened, _ = wait_until(lambda: (now := sockets_in(server))[0] == now[1] and now, "other tests' sockets have ended")
    before = counts()
    for number in range(20):
        open_and_close(ADDRESS, (WebSocket, SocketIO)[number % 2])
    wait_until(lambda: sockets_in(server) == (opened + 20, opened + 20), "the metrics count all of them")
    lines_of_opened, lines_of_closed, personal = (now - then for now, then in zip(counts(), before, strict=True))
    assert lines_of_opened in range(3, 7)  # three a minute, and a minute may end in between
    assert lines_of_closed in range(3, 7)
    assert personal == 0
    open_and_close("203.0.113.78", WebSocket)
    wait_until(lambda: counts()[1] - before[1] == lines_of_closed + 1, "another address has lines of its own")


def sockets_in(server: Server) -> tuple[float, float]:
    metrics = server.metrics()
    opened = re.findall(r"^koyjabo_connections_opened_total\S* (\S+)", metrics, re.MULTILINE)
    ended = re.findall(r"^koyjabo_connection_duration_seconds_count (\S+)", metrics, re.MULTILINE)
    return sum(map(float, opened)), sum(map(float, ended))


def test_the_log_contains_no_personal_data(new_server, sqlite_database):
    """The server goes through everything a person can do, and everything that can fail for them."""
    server = new_server(sqlite_database, LOG_LEVEL="DEBUG", TRUSTED_PROXIES=1).start()
    live(server)
    server.stop()
    assert len(server.log.splitlines()) > 20
    assert PERSONAL not in server.log.lower()
    assert not [address for address in (ADDRESS, "127.0.0.1") if address in server.log]
    assert {"socket_opened", "socket_refused", "visit_registered", "broadcast"} <= in_text(server)


def in_text(server: Server) -> set[str]:
    lines_ = [line for line in server.log.splitlines() if not SERVING.match(line)]
    assert [line for line in lines_ if not IN_TEXT.match(line)] == []
    return {line.split(" ")[3] for line in lines_ if not line.startswith(" ")}


def live(server: Server) -> None:
    who = {"User-Agent": f"Mozilla {PERSONAL}", "Referer": f"https://{PERSONAL}.example", "X-Forwarded-For": ADDRESS}
    member = Member(server, PERSONAL, visitorId=f"visitor_{PERSONAL}")
    community = member.found(f"The community of {PERSONAL}", description=PERSONAL)
    for path, body in (
        ("/api/visitor/register", {"visitorId": f"v_{PERSONAL}", "referrer": f"https://{PERSONAL}.example/?q=1"}),
        ("/api/visitor/register", {"visitorId": f"not/{PERSONAL}\nforged"}),
        (f"/api/visitor/register?token={PERSONAL}", {"visitorId": PERSONAL, "page": f"/{PERSONAL}"}),
        ("/api/visitor/heartbeat", {"visitorId": f"nobody_{PERSONAL}"}),
        ("/api/auth/login", {"email": f"{PERSONAL}@example.com", "password": f"wrong {PERSONAL}"}),
        ("/api/auth/login", {"email": f"not an email {PERSONAL}", "password": ""}),
        ("/api/auth/signup", {"email": f"{PERSONAL}@example.com", "password": f"long enough {PERSONAL}"}),
    ):
        server.post(path, json=body, headers=who)
    for path in (f"/{PERSONAL}", f"/api/{PERSONAL}?{PERSONAL}", f"/communities/{PERSONAL}", f"/?visitorId={PERSONAL}"):
        server.get(path, headers=who)
    sockets(server, member, community)


def sockets(server: Server, member: Member, community: str) -> None:
    paths = (f"/?visitorId={PERSONAL}", f"/ws/communities/{community}/visitors/?token={PERSONAL}.{PERSONAL}")
    for path in (*paths, f"/ws/communities/{PERSONAL}/visitors/?token={member.token}"):
        with WebSocket(server.port, f"User-Agent: {PERSONAL}", f"X-Forwarded-For: {ADDRESS}", path=path) as socket:
            socket.frame()
            socket.send(f'{{"type": "{PERSONAL}"}}'.encode())  # not even a frame
    auth = {"token": member.token, "visitorId": PERSONAL}
    with (
        PlainMember(server.port, community, member.token) as plain,
        SocketioMember(server.port, community, member.token, auth=auth) as client,
    ):
        plain.say({"type": PERSONAL})
        client.client.emit(PERSONAL, {"token": PERSONAL})
        plain.next_of_type("error")
        client.next_of_type("error")


def test_each_line_of_a_process_is_one_json_object(new_server, sqlite_database):
    """From the first line to the last. SIGHUP is a clean stop."""
    server = new_server(sqlite_database, LOG_FORMAT="json", ENVIRONMENT="development").start()
    assert server.stop(signal.SIGHUP).status == 0
    settings = {"LOG_FORMAT": "json", "DATABASE_URL": sqlite_database.url}
    refused = run("wsgi.py", **settings, PORT="abc")
    mistyped, command = (run("-m", "koyjabo", *words, **settings) for words in (("totl",), ("key", "revoke", "x")))
    assert (refused.returncode, mistyped.returncode) == (2, 2)
    lines = [*server.log.splitlines(), *refused.stderr.splitlines(), *mistyped.stderr.splitlines()]
    objects = [json.loads(line) for line in (*lines, *command.stderr.splitlines())]
    assert all(line.keys() >= {"event", "level", "time"} for line in objects)
    assert {"serving", "start_refused", "message"} <= {line["event"] for line in objects}
    assert not any(mark in line["event"] for line in objects for mark in " ='")


def test_a_line_with_fixed_values_has_them_as_fields(logged_as):
    log, out = logged_as("json")
    log.error("redis_unreachable cause=%r try='check REDIS_URL'", "away")
    log.warning("%s_interrupted day=%s", "night", "2026-01-01")
    log.warning("Not ours: %s", "a=b")
    first, second, third = map(json.loads, out.getvalue().splitlines())
    assert (first["event"], first["cause"], first["try"]) == ("redis_unreachable", "away", "check REDIS_URL")
    assert (second["event"], second["day"]) == ("night_interrupted", "2026-01-01")
    assert (third["event"], third["message"]) == ("message", "Not ours: a=b")


FORGED = "ayesha\n2026-01-01T00:00:00.000Z error koyjabo forged\r\x1b[31m\u2028\x85"


@pytest.fixture
def logged_as(monkeypatch):
    """`written("json")` returns a logger with that format, and the stream it writes to."""
    package = logging.getLogger("koyjabo")
    before = package.handlers, package.propagate, package.level

    def make(style: str) -> tuple[logging.Logger, io.StringIO]:
        logs.configure("DEBUG", style)
        out = io.StringIO()
        package.handlers[0].setStream(out)
        return logging.getLogger("koyjabo.test"), out

    token = request_id.set(None)
    yield make
    request_id.reset(token)
    package.handlers, package.propagate = before[:2]
    package.setLevel(before[2])


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_value_or_an_exception_cannot_begin_a_new_log_line(logged_as, style):
    for spec in ("%s", "%r"):
        log, out = logged_as(style)
        log.warning(f"said by={spec}", FORGED)
        assert len(out.getvalue().splitlines()) == 1
        assert not set(out.getvalue()[:-1]) & {"\n", "\r", "\x1b", "\x85"}
    log, out = logged_as("text")
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("failed")
    first, *rest = out.getvalue().split("\n")[:-1]
    assert first.endswith("error koyjabo.test failed")
    assert rest
    assert all(line.startswith("    ") for line in rest)


DROPPED = re.compile(r"^koyjabo_log_lines_dropped_total (\d+)", re.MULTILINE)
NOTE = re.compile(rb" warning koyjabo\S* log_lines_dropped count=(\d+)\n")
MAX_WAITING_LINES = 20


class UnreadServer(Server):
    """A server that writes its log to a small pipe. `read` returns what is in the pipe."""

    program = (changed_server.__file__,)

    def _start(self, *files: IO[Any]) -> Program:
        self._reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(self._reader, False)
        with open(writer, "wb") as log:
            return super()._start(*files[:2], log)

    def read(self) -> bytes:
        try:
            return os.read(self._reader, 65536)
        except BlockingIOError:
            return b""

    def dropped(self) -> int:
        """The number of lost lines in the metrics, which count them once a second."""
        scraped = self.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}).text
        return int(float(DROPPED.search(scraped)[1]))

    def lose_lines(self) -> None:
        """Register visits until more lines are lost."""
        before = self.dropped()

        def is_lost() -> bool:
            assert self.post_visit("ayesha").status_code == 200
            return self.dropped() > before

        wait_until(is_lost, "lines of the log are lost")


@pytest.fixture
def unread_server(sqlite_database, tmp_path) -> Iterator[UnreadServer]:
    changes = {"koyjabo.base.observability.log_writer.MAX_WAITING_LINES": MAX_WAITING_LINES}
    settings = {"LOG_LEVEL": "DEBUG", "RATE_LIMIT_VISITOR": 0, "CHANGES": json.dumps(changes)}
    server = UnreadServer(sqlite_database, tmp_path, **settings)
    server.start()
    yield server
    server.kill()
    os.close(server._reader)


def test_a_message_without_its_arguments_fails_no_request(monkeypatch, tmp_path):
    with open(tmp_path / "log", "w") as log:
        monkeypatch.setattr(sys, "stderr", log)
        writer = LogWriter()
        writer.handle(logging.makeLogRecord({"msg": "wrong %d", "args": ("text",)}))
        writer.handle(logging.makeLogRecord({"msg": "right"}))
        writer.flush()
    lines = (tmp_path / "log").read_text()
    assert ("not all arguments" in lines or "%d format" in lines, "right\n" in lines) == (True, True)


def test_an_unread_log_delays_no_request_and_its_lost_lines_are_counted(unread_server):
    unread_server.lose_lines()
    assert unread_server.get("/healthz").ok
    log = bytearray()

    def has_note() -> bool:
        log.extend(unread_server.read())
        return NOTE.search(log) is not None

    wait_until(has_note, "the log says how many lines are missing")
    before = log[: NOTE.search(log).start()]
    assert before.count(b"\n") > MAX_WAITING_LINES  # the lines in the pipe and those that waited
    lost = int(NOTE.search(log)[1])
    wait_until(lambda: unread_server.dropped() >= lost, "the metrics count all of them")
    assert b"Traceback" not in log
    unread_server.lose_lines()
    assert unread_server.stop().status == 0
