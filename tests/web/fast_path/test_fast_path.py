"""The fast path responds as Flask would: each request is compared with the same one, which an empty `Cookie` routes to
Flask.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from support.application.site import Site
from support.databases.database import SqliteDatabase

from koyjabo.base.network import rate_limiter
from koyjabo.web.fast_path import fast_path


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


USUAL = [
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
"""Requests that the fast path handles."""

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


def test_a_handshake_that_fails_is_logged_as_an_error_of_the_server(twins, caplog):
    caplog.set_level(logging.DEBUG, "koyjabo.requests")
    upgrade = {"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade"}
    twins[0].call(Asked("GET", "/", headers=upgrade), **{"koyjabo.websockets": object()})
    messages = [record.getMessage() for record in caplog.records if record.name == "koyjabo.requests"]
    assert messages == ["request method=GET route=/ status=500"]
