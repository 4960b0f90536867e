"""The fast path responds as Flask would, at a constant cost. An empty `Cookie` routes a request to Flask."""

import gc
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from statistics import median
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from support.application.site import Site
from support.databases.database import SqliteDatabase

from koyjabo.base.network import rate_limiter
from koyjabo.counting.stats import encode
from koyjabo.web.fast_path import fast_path
from koyjabo.web.fast_path.fast_path import MAX_UNQUEUED_BYTES, FastPath
from koyjabo.web.fast_path.request_context import Handler

Fields = dict[str, Any]


class Asked(NamedTuple):
    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = {}
    body: bytes = b""


class Answered(NamedTuple):
    status: str
    headers: list[tuple[str, str]]
    body: bytes


def post(path: str, fields: Any, **headers: str) -> Asked:
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    environ = {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)), **headers}
    return Asked("POST", path, headers=environ, body=body)


def register(**fields: Any) -> Asked:
    return post("/api/visitor/register", {"visitorId": "ayesha", **fields})


USUAL = [  # requests that the fast path handles
    register(visitId="1", userAgent="Mozilla/5.0", referrer="https://example.com/a?b", page="/history"),
    register(visitId="1"),
    register(visitId=7, timestamp="soon"),
    register(visitorId="x" * 129),
    register(communityId="nowhere"),
    *(post("/api/visitor/register", body) for body in (b"", b"{", b"[]", b"\xff")),
    post("/api/visitor/register", {"visitorId": "babul"}, CONTENT_TYPE="text/plain", HTTP_SEC_GPC="1"),
    post("/api/visitor/register", {"visitorId": "babul"}, HTTP_IDEMPOTENCY_KEY="no key at all"),
    post("/api/visitor/heartbeat", {"visitorId": "ayesha"}),
    post("/api/visitor/heartbeat", {"visitorId": "nobody"}),
    post("/api/events", {"visitorId": "ayesha", "events": [{"id": "1", "name": "search"}]}),
    post("/api/events", {"visitorId": "ayesha", "events": [{"id": "1"}]}),
    Asked("GET", "/api/stats"),
    Asked("GET", "/api/stats", headers={"HTTP_IF_NONE_MATCH": "TAG", "HTTP_ORIGIN": "https://example.com"}),
    Asked("GET", "/healthz", headers={"HTTP_ACCEPT_LANGUAGE": "bn", "HTTP_HOST": "a/../b"}),
    Asked("GET", "/badge.svg", "label=%E0%A6%95&lang=bn"),
    Asked("GET", "/badge.svg", "value=online&community=x"),
    *[register()] * 20,  # more than one address may send
]
TAKEN = {200, 204, 304, 400, 404, 429}


class Twin:
    """A site that is called directly, without its server. `added` are headers sent with every request."""

    def __init__(self, site: Site, **added: str) -> None:
        self._site = site
        self._added = added
        self._tag = ""

    def ask(self, asked: Asked) -> Answered:
        headers = {name: value.replace("TAG", self._tag) for name, value in asked.headers.items()}
        start_arguments, body = self.call(asked._replace(headers=headers | self._added))
        status, given = start_arguments[-1][:2]
        self._tag = dict(given).get("ETag", self._tag)
        return Answered(status, sorted(header for header in given if header[0] != "X-Request-Id"), body)

    def call(self, asked: Asked, **more: Any) -> tuple[list[Any], bytes]:
        """The arguments of `start_response`, and the body."""
        arguments_given: list[Any] = []
        environ = {
            "REQUEST_METHOD": asked.method, "PATH_INFO": asked.path, "QUERY_STRING": asked.query, "SCRIPT_NAME": "",
            "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost",
            "REMOTE_ADDR": "203.0.113.7", "wsgi.url_scheme": "http", "wsgi.input": BytesIO(asked.body),
            "wsgi.input_terminated": True, "wsgi.errors": BytesIO(), "wsgi.version": (1, 0),
            "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False, **asked.headers, **more,
        }  # fmt: skip
        pieces = self._site.app.wsgi_app(environ, lambda *started: arguments_given.append(started))
        body = b"".join(pieces)
        if hasattr(pieces, "close"):
            pieces.close()
        return arguments_given, body


@pytest.fixture(scope="module")
def twins(tmp_path_factory) -> Iterator[tuple[Twin, Twin]]:
    folder = tmp_path_factory.mktemp("sites")
    with (
        Site(SqliteDatabase.migrated(folder / "fast.db").url, RATE_LIMIT_REGISTRATIONS="20") as fast,
        Site(SqliteDatabase.migrated(folder / "flask.db").url, RATE_LIMIT_REGISTRATIONS="20") as flask,
    ):
        yield Twin(fast), Twin(flask, HTTP_COOKIE="")


def test_the_fast_path_responds_as_flask_does(twins, monkeypatch):
    monkeypatch.setattr(rate_limiter, "time", SimpleNamespace(monotonic=lambda: 0.0, time=lambda: 0.0))
    by_the_fast_path: Counter[int] = Counter()
    answer = fast_path._run

    def watched(*arguments: Any) -> Any:
        response = answer(*arguments)
        by_the_fast_path[response.status.value] += 1
        return response

    monkeypatch.setattr(fast_path, "_run", watched)
    for asked in USUAL:
        fast, flask = (twin.ask(asked) for twin in twins)
        assert fast == flask, asked
    assert by_the_fast_path.total() == len(USUAL)
    assert set(by_the_fast_path) == TAKEN


MAX_COST = 3.0
"""Maximum cost of the largest request, as a multiple of GET /api/stats. For visits, it applies between the largest and
the smallest one, and between the smallest one and the stats.
"""

RUNS = 60
HEADER = 8_000  # size of the largest header, bytes (docs/limits.md)
ODD = "%7ea"
TAGS = ", ".join(f'W/"{number:x}"' for number in range(10**6, 10**6 + HEADER // 13))
HEADERS = {
    "HTTP_USER_AGENT": "Mozilla/5.0 (" + "Linux; " * (HEADER // 8) + ")",
    "HTTP_ACCEPT_LANGUAGE": "bn-BD;q=0.9," * (HEADER // 12),
    "HTTP_ORIGIN": "https://" + "a." * (HEADER // 3) + "example",
    "HTTP_REFERER": "https://me.example/" + ODD * (HEADER // 5),
    "HTTP_X_FORWARDED_FOR": "203.0.113.1, " * (HEADER // 14),
    "HTTP_IF_NONE_MATCH": TAGS,
}


def filled(fields: Fields, *names: str) -> Fields:
    """Fields that make a body of the largest size: texts with these names take an equal part of it."""
    room = (MAX_UNQUEUED_BYTES - len(json.dumps(fields)) - 100) // len(names)
    odd = {name: ("/" if name == "page" else "https://me.example/") + ODD * (room // len(ODD) - 6) for name in names}
    return {**fields, **odd}


def largest_visit(number: int) -> Fields:
    fields = {"visitorId": f"v{number}", "visitId": f"{number}", "timestamp": number, "waitedMs": 5, "webdriver": True}
    return filled(fields, "page", "referrer")


def largest_bridged(number: int) -> Fields:
    data = json.dumps({"visitorId": f"b{number}", "more": [[]] * (MAX_UNQUEUED_BYTES // 5)})
    return {"action": "record-visit", "requestId": f"b{number}", "data": data}


def largest_beat(_: int) -> Fields:
    return {"visitorId": "v0", "visitId": "0", "visible": True, "more": [[]] * (MAX_UNQUEUED_BYTES // 5)}


LARGEST: dict[tuple[str, str], Callable[[int], Fields] | None] = {
    ("GET", "/healthz"): None,
    ("GET", "/api/stats"): None,
    ("GET", "/api/pulse"): None,
    ("POST", "/api/visitor/heartbeat"): largest_beat,
    ("POST", "/api/visitor/register"): largest_visit,
    ("POST", "/gh"): largest_bridged,
}
"""What makes the largest body, from a number for a new one, by handlers that do not wait in the fair queue."""

SMALLEST: dict[str, Callable[[int], Fields]] = {  # what makes the smallest visit, by path
    "/api/visitor/register": lambda number: {"visitorId": f"s{number}"},
    "/gh": lambda number: {"action": "record-visit", "requestId": f"s{number}", "data": '{"visitorId": "s"}'},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with Site(SqliteDatabase.migrated(tmp_path_factory.mktemp("costs") / "costs.db").url, BRIDGES="koyjabo") as site:
        site.register("v0", visitId="0")
        yield site


def handlers(site: Site) -> dict[tuple[str, str], Handler]:
    """The handlers on the fast path, as it finds them itself."""
    return FastPath(site.app)._handlers


def cpu_s(site: Site, method: str, path: str, fields: Fields | None = None, **headers: Any) -> float:
    """The CPU time that this thread takes for a request."""
    body = encode(fields).encode() if fields else b""
    described = {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json", **headers}
    asked = Asked(method, path, headers=described, body=body)
    began = time.thread_time()
    started, _ = Twin(site).call(asked)
    took_s = time.thread_time() - began
    assert started[0][0][:3] in ("200", "204", "304"), (path, started)
    return took_s


def test_every_fast_handler_has_a_largest_request_or_waits_in_the_fair_queue(site):
    fast = handlers(site)
    assert {key for key, handler in fast.items() if not hasattr(handler, "waits_fairly")} == set(LARGEST)
    waiting = {path for (_, path), handler in fast.items() if hasattr(handler, "waits_fairly")}
    assert waiting == {"/api/pages", "/api/events", "/badge.svg"}


def test_a_large_body_waits_in_the_fair_queue(site):
    waited: list[str] = []
    queue: dict[str, Any] = {"koyjabo.await_slot": lambda environ, network: waited.append(environ["PATH_INFO"]) or True}
    cpu_s(site, "POST", "/api/visitor/heartbeat", {"visitorId": "v0"}, **queue)
    cpu_s(site, "GET", "/badge.svg", **queue)
    cpu_s(site, "POST", "/api/visitor/heartbeat", {"visitorId": "v0", "more": "x" * MAX_UNQUEUED_BYTES}, **queue)
    assert waited == ["/badge.svg", "/api/visitor/heartbeat"]


@pytest.mark.parametrize(("method", "path"), LARGEST, ids=[path for _, path in LARGEST])
def test_the_largest_request_of_a_fast_handler_costs_little_more_than_the_smallest_one(site, method, path):
    body_of, smallest = LARGEST[method, path], SMALLEST.get(path)
    costs: dict[str, list[float]] = {"largest": [], "smallest": [], "stats": []}
    gc.disable()
    try:
        for number in range(RUNS):
            fields = body_of and body_of(number)
            assert len(encode(fields)) <= MAX_UNQUEUED_BYTES
            costs["largest"].append(cpu_s(site, method, path, fields, **HEADERS))
            costs["stats"].append(cpu_s(site, "GET", "/api/stats"))
            if smallest:
                costs["smallest"].append(cpu_s(site, method, path, smallest(number)))
    finally:
        gc.enable()
    cost, of_stats = median(costs["largest"]), median(costs["stats"])
    if smallest:
        of_visit = median(costs["smallest"])
        assert (cost <= MAX_COST * of_visit, of_visit <= MAX_COST * of_stats) == (True, True), costs
    else:
        assert cost <= MAX_COST * of_stats, f"{cost * 1e6:.0f} µs instead of {of_stats * 1e6:.0f}"
