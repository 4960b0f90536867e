"""Handlers on the fast path have a constant cost: the largest request of each takes about as long as GET /api/stats.
Others wait in the fair queue (decision 80).
"""

import gc
import json
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from statistics import median
from typing import Any

import pytest
from support.application.site import Site
from support.databases.database import SqliteDatabase

from koyjabo.counting.stats import encode
from koyjabo.web.fast_path.fast_path import MAX_UNQUEUED_BYTES, FastPath
from koyjabo.web.fast_path.request_context import Handler

MAX_COST = 3.0
"""Maximum cost of the largest request, as a multiple of GET /api/stats. For visits, it applies between the largest and
the smallest one, and between the smallest one and the stats.
"""

RUNS = 60
HEADER = 8_000
"""Size of the largest header, bytes (docs/limits.md)."""

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


Fields = dict[str, Any]


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

SMALLEST: dict[str, Callable[[int], Fields]] = {
    "/api/visitor/register": lambda number: {"visitorId": f"s{number}"},
    "/gh": lambda number: {"action": "record-visit", "requestId": f"s{number}", "data": '{"visitorId": "s"}'},
}
"""What makes the smallest visit, by path."""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with Site(SqliteDatabase.migrated(tmp_path_factory.mktemp("costs") / "costs.db").url, BRIDGES="koyjabo") as site:
        site.register("v0", visitId="0")
        yield site


def handlers(site: Site) -> dict[tuple[str, str], Handler]:
    """The handlers on the fast path, as it finds them itself."""
    return FastPath(site.app)._handlers


def cpu_s(site: Site, method: str, path: str, fields: Fields | None = None, **headers: str) -> float:
    """The CPU time that this thread takes for a request."""
    body = encode(fields).encode() if fields else b""
    given: list[str] = []
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", "SCRIPT_NAME": "", "HTTP_HOST": "localhost",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "REMOTE_ADDR": "203.0.113.7", "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json",
        "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.multithread": True, **headers,
    }  # fmt: skip
    began = time.thread_time()
    b"".join(site.app.wsgi_app(environ, lambda status, *_: given.append(status)))
    took_s = time.thread_time() - began
    assert given[0][:3] in ("200", "204", "304"), (path, given)
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
