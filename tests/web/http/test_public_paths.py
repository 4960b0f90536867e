"""All public paths: any origin may read them, and no spelling of them redirects."""

import sqlite3

import pytest
from support.application.site import Site, assert_error
from werkzeug.test import create_environ
from werkzeug.wrappers import Response

from koyjabo.web.http.response_headers import ResponseHeaders

ELSEWHERE = {"Origin": "https://app.example.com", "Cookie": "session=of-somebody"}


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, RATE_LIMIT_REGISTRATIONS=3) as site:
        yield site


def assert_readable_from_anywhere(answer, exposes: bool = True):
    assert answer.headers.getlist("Access-Control-Allow-Origin") == ["*"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert not exposes or named(answer, "Access-Control-Expose-Headers") >= {"etag", "retry-after"}


def named(answer, header: str) -> set[str]:
    return {name.strip().lower() for name in answer.headers[header].split(",")}


def post(site, json=None, path="/api/visitor/register", **more):
    return site.post(path, json=json, headers=ELSEWHERE, **more)


def test_success_is_readable_from_anywhere(site):
    site.register()
    stats = site.client.get("/api/stats", headers=ELSEWHERE)
    same = site.client.get("/api/stats", headers={**ELSEWHERE, "If-None-Match": stats.headers["ETag"]})
    answers = [stats, same, post(site, {"visitorId": "a"}), post(site, {"visitorId": "a"}, "/api/visitor/heartbeat")]
    assert [answer.status_code for answer in answers] == [200, 304, 200, 204]
    for answer in answers:
        assert_readable_from_anywhere(answer)


def test_refusals_are_readable_from_anywhere(site):
    for answer, status in (
        (post(site, {}), 400),
        (post(site, {"visitorId": "nobody"}, "/api/visitor/heartbeat"), 404),
        (post(site, {"visitorId": "a"}, "/api/visitor/nothing"), 404),
        (site.client.get("/api/visitor/register", headers=ELSEWHERE), 405),
        (post(site, {"visitorId": "a", "more": "x" * 20_000}), 413),
        (post(site, data=b"{}"), 415),
        ([post(site, {"visitorId": "a"}, environ_overrides={"REMOTE_ADDR": "203.0.113.7"}) for _ in range(4)][-1], 429),
    ):
        assert answer.status_code == status
        assert_readable_from_anywhere(answer)


def test_unavailable_is_readable_from_anywhere(site, monkeypatch):
    def locked(*_):
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr("koyjabo.counting.ledger_sqlite.SqliteStore.commit", locked)
    answer = post(site, {"visitorId": "a"})
    assert_error(answer, 503, "ledger_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert_readable_from_anywhere(answer)


def test_even_where_the_response_to_an_error_fails(site):

    def failing(environ, start_response):
        raise RuntimeError("nothing can be rendered")

    started = []
    site.app.wsgi_app = failing
    layer = ResponseHeaders(site.app, allowed_origins=tuple, trusts_proxies=False)
    body = layer(create_environ("/api/stats"), lambda status, headers, error: started.append((status, headers)))
    (status, headers) = started[0]
    answer = Response(body, status, headers)
    assert_error(answer, 500, "internal_error")
    assert_readable_from_anywhere(answer)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_preflight_allows_what_our_clients_send(site):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,idempotency-key"}
    for path in ("/api/visitor/register", "/api/visitor/heartbeat", "/api/stats", "/api/stats/"):
        answer = site.client.options(path, headers={**ELSEWHERE, **asked})
        assert answer.status_code in (200, 204)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert {"content-type", "idempotency-key", "if-none-match"} <= named(answer, "Access-Control-Allow-Headers")
        assert {"get", "post"} <= named(answer, "Access-Control-Allow-Methods")
        assert int(answer.headers["Access-Control-Max-Age"]) >= 600


TRACING = ("sentry-trace", "baggage", "traceparent", "tracestate", "x-datadog-trace-id", "newrelic", "b3", "request-id")
"""Headers that monitoring scripts add to each request of a page."""


def test_preflight_allows_headers_of_monitoring_scripts(site):
    """`*` allows any header but Authorization, and only without credentials (Fetch, 4.9)."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": ",".join(TRACING)}
    for path in ("/api/visitor/register", "/api/events", "/api/stats", "/api/stream", "/socket.io/"):
        answer = site.client.options(path, headers={**ELSEWHERE, **asked})
        assert answer.status_code == 204
        assert_readable_from_anywhere(answer, exposes=False)
        assert {"*", "authorization"} <= named(answer, "Access-Control-Allow-Headers")


def test_refusals_of_socketio_are_readable_from_anywhere(site):
    poll = "/socket.io/?EIO=4&transport=polling"
    requests = {
        "no protocol": ("GET", "/socket.io/"),
        "another protocol": ("GET", "/socket.io/?EIO=3&transport=polling"),
        "no transport": ("GET", "/socket.io/?EIO=4&transport=smoke"),
        "unknown client": ("GET", f"{poll}&sid=x"),
        "message of nobody": ("POST", f"{poll}&sid=x"),
        "no method": ("PUT", poll),
        "a script": ("GET", f"{poll}&j=0"),
        "no handshake": ("GET", "/socket.io/?EIO=4&transport=websocket"),
    }
    for what, (method, path) in requests.items():
        for headers in (ELSEWHERE, {}):
            answer = site.client.open(path, method=method, headers=headers)
            assert answer.status_code in (400, 405), what
            assert_readable_from_anywhere(answer)


def test_last_slash_makes_no_difference(site):
    for path in ("/api/stats", "/healthz", "/readyz", "/openapi.json"):
        for spelling in (path, f"{path}/"):
            answer = site.client.get(spelling)
            assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert post(site, {"visitorId": "a"}, "/api/visitor/register/").json["visit"]["ordinal"] == 1
    assert post(site, {"visitorId": "a"}, "/api/visitor/heartbeat/").status_code == 204


def test_no_spelling_is_a_redirect(site):
    for path in ("//api/stats", "/api//stats", "/api/stats//", "//", "/api/visitor//register"):
        for method in ("GET", "POST"):
            answer = site.client.open(f"http://localhost{path}", method=method, json={"visitorId": "a"})
            assert answer.status_code in (200, 404, 405)
            assert "Location" not in answer.headers
