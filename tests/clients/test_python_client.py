"""`koyjabo_client` with a real server over a faulty network: each visit counts once, and streams reconnect."""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from threading import Thread, Timer
from types import SimpleNamespace

import pytest
import requests
from support.clients.members import Member
from support.programs.patience import PATIENCE_S
from support.programs.ports import free_port

from koyjabo_client import ApiError, Client, client, server_sent_events

LOST = "lost"
"""The request reaches the server, but the response is lost."""

CUT = "cut"
"""The request never reaches the server."""


@dataclass(frozen=True)
class Reply:
    """A response that replaces the server's."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Proxy:
    """A proxy. `faults` apply to the next requests, one per request. `asked` records paths and bodies."""

    def __init__(self) -> None:
        self.faults: deque[Reply | str] = deque()
        self.asked: list[tuple[str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""


@contextmanager
def proxy_of(port: int) -> Iterator[Proxy]:
    proxy = Proxy()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            proxy.asked.append((self.path, body))
            proxy.headers.append(dict(self.headers))
            replacement = proxy.faults.popleft() if proxy.faults else None
            if replacement is None or replacement == LOST:
                url = f"http://127.0.0.1:{port}{self.path}"
                answer = requests.request(self.command, url, data=body, headers=dict(self.headers), timeout=PATIENCE_S)
                replacement = replacement or Reply(
                    answer.status_code, answer.content, {"Content-Type": answer.headers["Content-Type"]}
                )
            if isinstance(replacement, Reply):
                self.send_response(replacement.status)
                for name, value in replacement.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(replacement.body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        yield proxy
        server.shutdown()


pytestmark = pytest.mark.long(
    proved_by="counting/test_stats.py::test_4000_becomes_4001_everywhere_and_survives_a_restart"
)

BUSY = Reply(503, b'{"error": "Later.", "code": "ledger_unavailable", "details": {}}', {"Retry-After": "0"})
GATEWAY = Reply(502, b"<html>Bad gateway</html>")


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database):
    return module_servers(module_sqlite_database, PORT=free_port(), PAGE_NUMBERS="/posts/*").start()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(client, "PAUSES_S", (0.01,))
    monkeypatch.setattr(client, "STREAM_PAUSES_S", (0.01,))


@pytest.fixture
def proxy(server):
    with proxy_of(server.port) as proxy:
        yield proxy


def total(server) -> int:
    return Client(f"http://127.0.0.1:{server.port}/").stats()["totalVisits"]


def test_visit_is_counted_once_whatever_happens_to_the_line(server, proxy):
    before = total(server)
    proxy.faults.extend([CUT, BUSY, LOST, GATEWAY])
    with Client(proxy.url) as line:
        receipt = line.register("ayesha", page="/history", user_agent="Mozilla/5.0 (X11; Linux x86_64)")
    assert receipt["visit"]["duplicate"]
    assert receipt["visit"]["ordinal"] == receipt["stats"]["totalVisits"] == total(server) == before + 1
    sent = [json.loads(body) for _, body in proxy.asked]
    assert len(sent) == 5
    waits_ms = [body.pop("waitedMs") for body in sent]
    assert (waits_ms, 0 <= waits_ms[0] <= waits_ms[-1] < 60_000) == (sorted(waits_ms), True)
    assert sent == [sent[0]] * 5
    assert {**sent[0], "visitId": ""} == {
        **{"visitorId": "ayesha", "visitId": "", "page": "/history"},
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
    }
    assert line.register("ayesha", sent[0]["visitId"])["visit"]["ordinal"] == before + 1
    assert line.register("ayesha")["visit"]["ordinal"] == before + 2


def test_visit_says_how_long_it_has_waited_in_all(server, proxy, monkeypatch):
    """The monotonic clock measures it. A program that kept the visit before the call adds that time."""
    times_s = iter([0, 0, 0, 1, 90])
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=lambda: next(times_s)))
    proxy.faults.append(BUSY)
    with Client(proxy.url, patience=600) as line:
        line.register("ayesha", "kept", waited_ms=3_600_000)
    assert [json.loads(body)["waitedMs"] for _, body in proxy.asked] == [3_600_000, 3_690_000]
    assert server.database.rows("SELECT waited_ms FROM visits WHERE visit_id = 'kept'") == [(3_690_000,)]


def test_visits_of_a_server_are_counted_once_in_lists_of_500(server, proxy):
    before = total(server)
    key = server.koyjabo("key", "create", "App", "--scope", "visits:write", "--scope", "reports:read").stdout.strip()
    proxy.faults.extend([CUT, BUSY, LOST])
    with Client(proxy.url, key) as line:
        visits = [{"visitor_id": f"v{number}", "page": "/fares", "user_agent": None} for number in range(501)]
        results = line.register_visits([*visits, {"visitor_id": "no visitor"}])
        assert line.report("summary", range="today")["visits"] == total(server)
    assert [result["ordinal"] for result in results[:-1]] == list(range(before + 1, before + 502))
    assert (results[-1]["code"], list(results[-1]["details"])) == ("invalid_input", ["visitorId"])
    assert total(server) == before + 501


def test_patience_ends_with_the_error_of_the_last_try(proxy):
    proxy.faults.extend([BUSY] * 200)
    with pytest.raises(ApiError) as error:
        Client(proxy.url, patience=0.1).stats()
    assert (error.value.status, error.value.code) == (503, "ledger_unavailable")
    assert str(error.value) == "503 ledger_unavailable: Later."
    proxy.faults.clear()
    with pytest.raises(OSError, match="refused"):
        Client(f"http://127.0.0.1:{free_port()}", patience=0.1).register("nobody")
    proxy.faults.append(Reply(429, BUSY.body, {"Retry-After": "600"}))
    with pytest.raises(ApiError):
        Client(proxy.url, patience=60).stats()


def test_other_errors_are_raised_at_once(proxy):
    with pytest.raises(ApiError) as error:
        Client(proxy.url).register("not a visitor")
    assert (error.value.status, error.value.code, list(error.value.details)) == (400, "invalid_input", ["visitorId"])
    with pytest.raises(ApiError, match="401 unauthenticated"):
        Client(proxy.url).report("summary")
    assert len(proxy.asked) == 2
    proxy.faults.extend(
        [Reply(301, b"", {"Location": "/api/stats"}), Reply(200, b"<html>Log in to the network</html>")]
    )
    for status in (301, 200):
        with pytest.raises(ApiError) as error:
            Client(proxy.url).register("ayesha")
        assert (error.value.status, error.value.code) == (status, "not_json")
    with pytest.raises(ValueError, match="base_url"):
        Client("live.example.com")


def test_reports_have_their_parameters_and_the_token(server, proxy):
    token = Member(server).token
    with pytest.raises(ApiError, match="403"):
        Client(proxy.url, token).report("breakdown", by="page", country=["BD", "IN"], compare=None, source="")
    assert proxy.asked[-1][0] == "/api/reports/breakdown?by=page&country=BD&country=IN&source="
    assert proxy.headers[-1]["Authorization"] == f"Bearer {token}"


def test_views_of_pages_are_read_in_the_order_of_the_paths(server, proxy):
    proxy.faults.extend([CUT, BUSY])
    with Client(proxy.url) as line:
        for page in ("/posts/a", "/posts/\u0995", "/posts/\u0995?q=1"):
            line.register("ayesha", page=page)
        paths = [
            *(f"/posts/{'%E0%A6%95' * 30}{number}" for number in range(120)),
            "/posts/\u0995",
            "/posts/a",
            "/hidden",
        ]
        pages = line.pages(paths)
        assert [page["path"] for page in pages] == paths
        assert [page["views"] for page in pages] == [*[0] * 120, 2, 1, None]
        assert line.pages("/posts/a") == [{"path": "/posts/a", "views": 1, "today": 1}]
        assert line.pages([]) == []
        assert len(line.pages(["/"] * 101)) == 101
        with pytest.raises(ApiError) as error:
            line.pages(["/posts/a", ""])
    assert (error.value.status, error.value.code, list(error.value.details)) == (400, "invalid_input", ["path"])


def events_of(*events: dict) -> Reply:
    lines = ": hello\n\nretry: 5000\n\n" + "".join(f"id: x-1\ndata: {json.dumps(event)}\n\n" for event in events)
    return Reply(200, lines.encode() + b'data: {"type": "cut', {"Content-Type": "text/event-stream"})


def test_stream_follows_a_server_and_comes_back_after_its_restart(server):
    with Client(f"http://127.0.0.1:{server.port}", patience=60) as line:
        events = line.stream()
        before = next(events)["stats"]["totalVisits"]
        line.register("nila")
        assert next(event for event in events if event["stats"]["totalVisits"] > before)["type"] == "visitor_update"
        server.stop()
        server.start()
        receipt = line.register("nila")
        assert receipt["visit"]["ordinal"] == before + 2
        totals = (event["stats"]["totalVisits"] for event in events if event["type"] == "visitor_update")
        assert next(total for total in totals if total > before + 1) == before + 2


def test_stream_comes_back_until_the_client_is_closed(proxy):
    one, two, three = ({"type": "visitor_update", "stats": {"totalVisits": n}} for n in (1, 2, 3))
    proxy.faults.extend([events_of(one, two), CUT, BUSY, GATEWAY, events_of(three)])
    with Client(proxy.url, "token") as line:
        assert [*islice(line.stream("id/of one"), 3)] == [one, two, three]
    assert {path for path, _ in proxy.asked} == {"/api/communities/id%2Fof%20one/stream"}
    assert proxy.headers[-1]["Authorization"] == "Bearer token"
    assert [*line.stream()] == []


def test_stream_ends_with_an_error_that_stays(proxy):
    proxy.faults.extend([events_of(), Reply(403, b'{"error": "No.", "code": "forbidden", "details": {}}')])
    with pytest.raises(ApiError, match="403 forbidden"):
        next(Client(proxy.url).stream())


def test_closing_ends_the_pause_of_a_stream(proxy, monkeypatch):
    monkeypatch.setattr(client, "STREAM_PAUSES_S", (3600,))
    line = Client(proxy.url)
    proxy.faults.append(CUT)
    Timer(0.2, line.close).start()
    assert [*line.stream()] == []


def test_events_are_read_as_the_standard_says():
    lines = [b"data:{\r\n", b'data: "a": "\xe0\xa6\x95"}\r\n', b"\r\n", b"\n", b": only a comment\n", b"data: 1\n"]
    assert [*server_sent_events.read(lines)] == [{"a": "ক"}]
