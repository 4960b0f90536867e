"""A lane answers what Flask would: the same requests, one after the other, to a site with lanes and to one without."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from itertools import count
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.application.site import Site
from support.databases.database import SqliteDatabase
from support.runs.fuzz_effort import effort

from koyjabo.network import rate_limiter
from koyjabo.webkit.lanes import lanes

PATHS = ("/api/visitor/register", "/api/visitor/heartbeat", "/api/events", "/api/stats", "/healthz")
PATHS += ("/badge.svg", "/badge.json")
QUERIES = {
    "/badge.svg": (
        "value=today",
        "label=%E0%A6%95&lang=bn",
        "label=\u00e0\u00a6\u0095",
        "color=red&style=plastic",
        "value=",
    ),
    "/badge.json": ("value=active", "label=", "value=online&community=x", "label=a%00b%FF", "a=1&a=2"),
}
"""Of paths whose lane takes them."""

ODD_PATHS = ("/api/stats/", "//api/stats", "/healthz/", "/nowhere", "/api/visitor/forget")
VISITORS = ("ayesha", "babul", "chaya", "", "a b", "x" * 129, "ঢাকা", 5, None)
FIELDS: dict[str, tuple[Any, ...]] = {
    "visitorId": VISITORS,
    "visitId": ("1", "2", "~", None, 7),
    "timestamp": (1_765_860_518_412, "1765860518412", "soon", -1),
    "userAgent": ("Mozilla/5.0", "Googlebot/2.1", "", 5),
    "referrer": ("https://example.com/a?b", "direct", "x" * 3000),
    "page": ("/history", "/?q=1", 1),
    "anonymous": (True, False, "yes"),
    "communityId": ("site", "nowhere", "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"),
}
EVENTS: tuple[Any, ...] = (
    [{"id": "1", "name": "search"}],
    [{"id": "2", "name": "pageview", "page": "/"}, {"id": "2", "name": "pageview", "props": {"a": 1}}],
    [{"id": "1"}],
    [],
)
ODD_BODIES = (b"", b"{", b"[]", b"null", b'"a"', b"\xff", b"\xef\xbb\xbf{}", b'{"visitorId": "ayesha"}' + b" " * 16_400)
TYPES = ("application/json", "application/json; charset=utf-8", "text/plain", "text/plain;charset=UTF-8",
         "application/json;charset=utf-16", "APPLICATION/JSON", "text/html", "", "a/b; c")  # fmt: skip
HEADERS: dict[str, tuple[str, ...]] = {
    "HTTP_HOST": ("localhost", "koyjabo.com:443", "[::1]:80", "[", "a b", "", "a/../b", "dh\u00c4\u0081k"),
    "HTTP_ORIGIN": ("https://example.com", "null"),
    "HTTP_IF_NONE_MATCH": ("*", '"x"', "W/", "TAG", 'W/TAG, "x"', "not a tag", ""),
    "HTTP_USER_AGENT": ("Mozilla/5.0", "Googlebot/2.1", "x" * 3000, "\xff"),
    "HTTP_IDEMPOTENCY_KEY": ("1", '"2"', "no key at all", ""),
    "HTTP_X_FORWARDED_FOR": ("198.51.100.1", "198.51.100.1, 198.51.100.2", "2001:db8::1", "nonsense", ""),
    "HTTP_X_FORWARDED_PROTO": ("https", "http", "gopher"),
    "HTTP_X_REQUEST_ID": ("0123456789abcdef", "short", "bad id of a client"),
    "HTTP_AUTHORIZATION": ("Bearer a.b.c", "Basic eDp5", ""),
    "HTTP_COOKIE": ("language=bn", "access_token_cookie=a.b.c", ""),
    "HTTP_ACCEPT": ("text/html", "application/json", "*/*", ""),
    "HTTP_ACCEPT_LANGUAGE": ("bn", "en;q=0", ""),
    "HTTP_CONTENT_ENCODING": ("gzip", "identity"),
    "HTTP_UPGRADE": ("websocket", "h2c"),
    "HTTP_EXPECT": ("100-continue",),
    "HTTP_SEC_GPC": ("1", "0"),
    "HTTP_DNT": ("1", ""),
    "HTTP_RANGE": ("bytes=0-1",),
    "HTTP_X_HTTP_METHOD_OVERRIDE": ("DELETE",),
}
VISIT = b'{"visitorId": "ayesha"}'
FEWEST_BY_A_LANE = 0.2
TICK_S = 0.1
"""Between two requests."""


class Asked(NamedTuple):
    method: str
    path: str
    query: str
    headers: dict[str, Any]
    body: bytes


class Answered(NamedTuple):
    status: str
    headers: list[tuple[str, str]]
    body: bytes


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    """Mostly such as a lane takes, with an oddity or two."""

    def rarely(usual: Any, odd: tuple[Any, ...]) -> Any:
        return draw(st.sampled_from(odd)) if draw(st.integers(0, 5)) == 0 else usual

    path = rarely(draw(st.sampled_from(PATHS)), ODD_PATHS)
    method = rarely(
        "POST" if "visitor/" in path or path == "/api/events" else "GET", ("GET", "POST", "HEAD", "OPTIONS", "PUT")
    )
    fields = {name: draw(st.sampled_from(values)) for name, values in FIELDS.items() if draw(st.integers(0, 3)) == 0}
    fields["visitorId"] = rarely(draw(st.sampled_from(VISITORS[:3])), VISITORS)
    if path == "/api/events":
        fields["events"] = rarely(draw(st.sampled_from(EVENTS[:2])), EVENTS)
    body = rarely(json.dumps(fields).encode(), ODD_BODIES) if method == "POST" else b""
    headers = {name: draw(st.sampled_from(values)) for name, values in HEADERS.items() if draw(st.integers(0, 12)) == 0}
    headers.setdefault("HTTP_HOST", "localhost")
    if method == "POST":
        headers["CONTENT_TYPE"] = rarely("application/json", TYPES)
        headers["CONTENT_LENGTH"] = rarely(str(len(body)), ("", "0", str(len(body) + 1), "+1", "a", "²", str(10**9)))
        body = b"" if headers["CONTENT_LENGTH"] == "0" else body  # as a server passes it on
    query = draw(st.sampled_from(("", *QUERIES.get(path, ()))))
    return Asked(method, path, rarely(query, ("a=b", "visitorId=x", "%")), headers, body)


class Twin:
    """A site, asked below its server."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tag = ""

    def ask(self, asked: Asked) -> Answered:
        headers = {name: value.replace("TAG", self._tag or '"y"') for name, value in asked.headers.items()}
        said, body = self.call(asked._replace(headers=headers))
        status, given = said[-1][:2]
        self._tag = dict(given).get("ETag", self._tag)
        return Answered(status, sorted(map(comparable, given)), body)

    def call(self, asked: Asked) -> tuple[list[Any], bytes]:
        """The arguments of `start_response`, and the body."""
        said: list[Any] = []
        environ = {
            "REQUEST_METHOD": asked.method, "PATH_INFO": asked.path, "QUERY_STRING": asked.query, "SCRIPT_NAME": "",
            "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "203.0.113.7", "wsgi.url_scheme": "http", "wsgi.input": BytesIO(asked.body),
            "wsgi.input_terminated": True, "wsgi.errors": BytesIO(), "wsgi.version": (1, 0),
            "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False, **asked.headers,
        }  # fmt: skip
        pieces = self._site.app.wsgi_app(environ, lambda *started: said.append(started))
        body = b"".join(pieces)
        if hasattr(pieces, "close"):
            pieces.close()
        return said, body


def comparable(header: tuple[str, str]) -> tuple[str, str]:
    """Without what is another one each time."""
    name, value = header
    if name == "X-Request-Id" and value != "0123456789abcdef":
        return name, "one of ours"
    return name, value


@pytest.fixture(scope="module")
def twins(tmp_path_factory) -> Iterator[tuple[Twin, Twin]]:
    folder = tmp_path_factory.mktemp("sites")
    limits = {"RATE_LIMIT_REGISTRATIONS": 40, "RATE_LIMIT_HEARTBEATS": 40, "RATE_LIMIT_VISITOR": 20}
    settings = {"TRUSTED_PROXIES": "1", **{name: str(limit) for name, limit in limits.items()}}
    with (
        Site(SqliteDatabase.migrated(folder / "lanes.db").url, **settings, LANES="1") as with_lanes,
        Site(SqliteDatabase.migrated(folder / "flask.db").url, **settings, LANES="0") as without,
    ):
        yield Twin(with_lanes), Twin(without)


def test_lane_answers_what_flask_would(twins, monkeypatch):
    now_s = count(step=TICK_S)
    now = SimpleNamespace(s=0.0)
    monkeypatch.setattr(rate_limiter, "time", SimpleNamespace(monotonic=lambda: now.s, time=lambda: now.s))
    by_a_lane: list[int] = []
    answer = lanes._answer

    def watched(*arguments: Any) -> Any:
        found = answer(*arguments)
        by_a_lane.append(found.status.value)
        return found

    monkeypatch.setattr(lanes, "_answer", watched)
    statuses: Counter[int] = Counter()

    def ask(asked: Asked) -> None:
        now.s = next(now_s)
        with_lanes, without = (twin.ask(asked) for twin in twins)
        assert with_lanes == without
        statuses[int(with_lanes.status[:3])] += 1

    for path in PATHS[:2]:  # what is rare: a heartbeat of a known visitor
        headers = {"HTTP_HOST": "localhost", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(VISIT))}
        ask(Asked("POST", path, "", headers, VISIT))
    effort(8000)(given(asked=requests())(ask))()
    assert len(by_a_lane) > FEWEST_BY_A_LANE * statuses.total()
    assert {200, 204, 400, 404, 429} <= set(by_a_lane), statuses


class Broken:
    """WebSockets that fail."""

    def accept(self, *_: Any) -> None:
        raise ZeroDivisionError


def test_handshake_that_fails_is_logged_as_an_error_of_the_server(twins, caplog):
    caplog.set_level(logging.DEBUG, "koyjabo.requests")
    upgrade = {"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade", "HTTP_HOST": "localhost"}
    twins[0].call(Asked("GET", "/", "", {**upgrade, "koyjabo.websockets": Broken()}, b""))
    said = [record.getMessage() for record in caplog.records if record.name == "koyjabo.requests"]
    assert said == ["request method=GET route=/ status=500"]
