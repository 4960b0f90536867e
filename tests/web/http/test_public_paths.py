"""What all public paths have in common: any origin may read them, and no spelling of them is a redirect."""

from __future__ import annotations

import sqlite3

import pytest
from support.app_fixtures import Site, assert_error
from werkzeug.test import create_environ
from werkzeug.wrappers import Response

from koyjabo.web.http.response_headers import ResponseHeaders

ELSEWHERE = {"Origin": "https://app.example.com", "Cookie": "session=of-somebody"}
EXPOSED = {"etag", "retry-after"}


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, RATE_LIMIT_REGISTRATIONS=3) as site:
        yield site


def assert_readable_from_anywhere(answer):
    assert answer.headers.getlist("Access-Control-Allow-Origin") == ["*"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    exposed = answer.headers["Access-Control-Expose-Headers"]
    assert {name.strip().lower() for name in exposed.split(",")} >= EXPOSED


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
    ):
        assert answer.status_code == status
        assert_readable_from_anywhere(answer)


def test_too_many_requests_is_readable_from_anywhere(site):
    from_there = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.7"}}
    answers = [post(site, {"visitorId": "a"}, **from_there) for _ in range(4)]
    assert_error(answers[-1], 429, "rate_limited")
    assert_readable_from_anywhere(answers[-1])


def test_unavailable_is_readable_from_anywhere(site, monkeypatch):
    def locked(*_):
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr("koyjabo.counting.ledger_sqlite.SqliteStore.commit", locked)
    answer = post(site, {"visitorId": "a"})
    assert_error(answer, 503, "ledger_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert_readable_from_anywhere(answer)


def test_even_where_the_response_to_an_error_fails():
    def failing(environ, start_response):
        raise RuntimeError("nothing can be rendered")

    started = []
    layer = ResponseHeaders(failing, allowed_origins=(), trusts_proxies=False)
    body = layer(create_environ("/api/stats"), lambda status, headers, error: started.append((status, headers)))
    (status, headers) = started[0]
    answer = Response(body, status, headers)
    assert_error(answer, 500, "internal_error")
    assert_readable_from_anywhere(answer)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/api/visitor/register", "/api/visitor/heartbeat", "/api/stats", "/api/stats/"])
def test_preflight_allows_what_our_clients_send(site, path):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,idempotency-key"}
    answer = site.client.options(path, headers={**ELSEWHERE, **asked})
    assert answer.status_code in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    allowed = {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert {"content-type", "idempotency-key", "if-none-match"} <= allowed
    assert {"GET", "POST"} <= {name.strip() for name in answer.headers["Access-Control-Allow-Methods"].split(",")}
    assert int(answer.headers["Access-Control-Max-Age"]) >= 600


@pytest.mark.parametrize("path", ["/api/stats", "/healthz", "/readyz", "/openapi.json"])
def test_last_slash_makes_no_difference(site, path):
    for spelling in (path, f"{path}/"):
        answer = site.client.get(spelling)
        assert (answer.status_code, answer.content_type) == (200, "application/json")


def test_last_slash_makes_no_difference_to_a_post(site):
    assert post(site, {"visitorId": "a"}, "/api/visitor/register/").json["visit"]["ordinal"] == 1
    assert post(site, {"visitorId": "a"}, "/api/visitor/heartbeat/").status_code == 204


@pytest.mark.parametrize("path", ["//api/stats", "/api//stats", "/api/stats//", "//", "/api/visitor//register"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_spelling_is_a_redirect(site, path, method):
    answer = site.client.open(f"http://localhost{path}", method=method, json={"visitorId": "a"})
    assert answer.status_code in (200, 404, 405)
    assert "Location" not in answer.headers
