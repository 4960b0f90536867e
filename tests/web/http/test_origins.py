"""Paths that anyone may request: which pages may read the responses, with cookies or without."""

import sys

import pytest
import requests
from support.application.site import Site, site_fixture
from support.clients.connection import Connection, head
from support.people.accounts import bare
from support.people.permissions import ANYBODY, RULES, SOCKETS
from support.people.routes import path_of, rules
from support.people.share_links import boss, share
from support.programs.patience import PATIENCE_S

from koyjabo.base.core.identity import OPERATOR
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings
from koyjabo.web.login import page_login

APP = "https://app.example.com"
ELSEWHERE = "https://elsewhere.example"
CALLS = [
    ("GET", "/api/stats", 200),
    ("GET", "/badge.svg?value=total", 200),
    ("GET", "/koyjabo.gif", 200),
    ("GET", "/healthz", 200),
    ("GET", "/embed?value=total", 200),
    ("GET", "/socket.io/?EIO=4&transport=nothing", 400),
    ("OPTIONS", "/api/visitor/register", 204),
    ("OPTIONS", "/api/communities/some/stream", 204),
    ("OPTIONS", "/api/auth/me", 204),
    ("GET", "/api/auth/me", 401),
    ("POST", "/api/auth/login", 400),
    ("POST", "/api/visitor/register", 400),
    ("GET", "/api/visitor/register", 405),
    ("GET", "/api/communities/some/stream", 401),
    ("GET", "/api/nothing", 404),
    ("GET", "/static/nothing.js", 404),
]
OWN_PAGES = ("/", "/login", "/admin", "/account", "/reset-password/x", "/sw.js", "/metrics")
SPELLINGS = {
    "capacitor://localhost": ("capacitor://localhost",),
    "Ionic://localhost": ("ionic://localhost",),
    "tauri://localhost": ("tauri://localhost",),
    "app://obsidian.md": ("app://obsidian.md",),
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop": ("chrome-extension://abcdefghijklmnopabcdefghijklmnop",),
    "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc": ("moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",),
    "https://কয়জাবো.বাংলা": ("https://xn--p5bo2ck9dn6g.xn--54b7fta0cc",),
    "https://xn--mnchen-3ya.example": ("https://xn--mnchen-3ya.example",),
    "https://MÜNCHEN.example:443": ("https://xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example:443"),
    "http://localhost:5173": ("http://localhost:5173",),
    "http://[0:0:0:0:0:0:0:1]:80": ("http://[::1]",),
}


site = site_fixture(is_shared=True)

OF_OTHERS = {"Origin": "https://app.example.com", "Cookie": "session=of-somebody"}


limited_site = site_fixture(RATE_LIMIT_REGISTRATIONS=3)


@pytest.fixture(autouse=True)
def no_origins(site):
    yield
    allow(site, "")


def allow(site: Site, origins: str) -> None:
    site.services[StoredSettings].change(OPERATOR, ALLOWED_ORIGINS=origins)


def ask(site: Site, method: str, path: str, origin: str = APP, **headers: str):
    body = {"json": {}} if method == "POST" else {}
    return site.client.open(path, method=method, headers={"Origin": origin, **headers}, **body)


def cors(headers) -> tuple[str | None, str | None]:
    return headers.get("Access-Control-Allow-Origin"), headers.get("Access-Control-Allow-Credentials")


def varies(headers) -> set[str]:
    return {name.strip() for name in headers.get("Vary", "").split(",")}


def test_every_response_allows_an_allowed_origin_with_credentials(site):
    """The setting may change while the server runs."""
    before = {(method, path): cors(ask(site, method, path).headers) for method, path, _ in CALLS}
    allow(site, APP)
    for method, path, status in CALLS:
        answer = ask(site, method, path)
        assert answer.status_code == status, path
        assert answer.headers.getlist("Access-Control-Allow-Origin") == [APP], path
        assert cors(answer.headers) == (APP, "true"), path
        elsewhere = ask(site, method, path, ELSEWHERE)
        assert cors(elsewhere.headers) == before[method, path], path
        assert "Origin" in varies(answer.headers) & varies(elsewhere.headers), path


@pytest.mark.parametrize(
    ("address", "status"),
    [("http://live.example.com", 403), ("http://127.0.0.1:8000", 422), ("http://live.localhost", 422)],
)
def test_a_login_form_is_refused_where_the_browser_would_drop_the_cookies(site, address, status):
    answer = site.client.post("/login", base_url=address, headers={"Origin": address})
    assert answer.status_code == status
    assert (page_login.INSECURE_FORM in answer.text) == (status == 403)
    secure = site.client.post(
        "/login", base_url="https://live.example.com", headers={"Origin": "https://live.example.com"}
    )
    assert secure.status_code == 422


def test_a_public_file_has_the_same_headers_for_every_origin(site, cast):
    """Some caches ignore `Vary: Origin` and send all sites what the first one received."""
    community, public = cast.kept_community(), set()
    allow(site, APP)
    for rule in rules(site).values():
        if "GET" not in rule.methods or rule.endpoint in SOCKETS:
            continue
        path = path_of(site, cast, rule, community)
        named = ask(site, "GET", path, **OF_OTHERS)
        if "public" in named.headers["Cache-Control"]:
            public.add(rule.endpoint)
            tag = named.headers["ETag"]
            for headers in ({}, {"If-None-Match": tag}):
                one, other = (ask(site, "GET", path, origin, **headers).headers for origin in (APP, ELSEWHERE))
                assert cors(one) == cors(other) == ("*", None), path
                assert not (varies(one) | varies(other)) & {"Origin", "Cookie"}, path
                assert "Set-Cookie" not in one, path
    assert public == {f"static_files.{name}" for name in ("unversioned", "robots")} | {
        f"look.{name}" for name in ("vector_icon", "pixel_icon", "share_picture")
    }


def test_pages_with_form_tokens_allow_no_origin(site):
    allow(site, APP)
    for path in OWN_PAGES:
        answer = ask(site, "GET", path)
        assert cors(answer.headers) == (None, None), path
        assert "Origin" in varies(answer.headers), path


def test_a_preflight_allows_an_allowed_origin_the_requested_headers(site):
    """`*` has no meaning with credentials (Fetch, 3.2.2)."""
    allow(site, APP)
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,traceparent"}
    allowed = ask(site, "OPTIONS", "/api/visitor/register", **asked).headers
    assert allowed["Access-Control-Allow-Headers"] == "content-type,traceparent"
    assert "POST" in allowed["Access-Control-Allow-Methods"].split(", ")


def test_an_origin_is_compared_in_the_spelling_of_browsers(site):
    for setting, origins in SPELLINGS.items():
        allow(site, setting)
        for origin in origins:
            assert cors(ask(site, "GET", "/api/stats", origin).headers) == (origin, "true"), setting


def test_a_stream_and_a_poll_and_a_refused_header_allow_an_allowed_origin(sqlite_database, new_server):
    server = new_server(sqlite_database, ALLOWED_ORIGINS=APP).start()
    for path in ("/api/stream", "/socket.io/?EIO=4&transport=polling"):
        with requests.get(server.url + path, headers={"Origin": APP}, stream=True, timeout=PATIENCE_S) as answer:
            assert (answer.status_code, cors(answer.headers)) == (200, (APP, "true")), path
            assert "Origin" in varies(answer.headers), path
    for origin, expected in ((APP, (APP, "true")), (ELSEWHERE, ("*", None))):
        with Connection(server.port) as connection:
            too_much = head("GET", "/api/stats", f"Origin: {origin}", f"X-Much: {'x' * 70_000}")
            answer = connection.send(too_much).answer()
            assert (answer.status, cors(answer.headers)) == (431, expected)
            assert answer.headers["Cache-Control"] == "no-store"
            assert "Origin" in varies(answer.headers)


def assert_readable_from_anywhere(answer, exposes: bool = True):
    assert answer.headers.getlist("Access-Control-Allow-Origin") == ["*"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Timing-Allow-Origin"] == "*"
    assert not exposes or named(answer, "Access-Control-Expose-Headers") >= {"etag", "retry-after"}


def named(answer, header: str) -> set[str]:
    return {name.strip().lower() for name in answer.headers[header].split(",")}


def post(limited_site, json=None, path="/api/visitor/register", **more):
    return limited_site.post(path, json=json, headers=OF_OTHERS, **more)


def test_responses_of_public_calls_are_readable_from_any_origin(limited_site):
    peer = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.7"}}
    too_many = [post(limited_site, {"visitorId": "a"}, **peer) for _ in range(4)][-1]
    stats = limited_site.client.get("/api/stats", headers=OF_OTHERS)
    seen = {**OF_OTHERS, "If-None-Match": stats.headers["ETag"]}
    for answer, status in (
        (stats, 200),
        (limited_site.client.get("/api/stats", headers=seen), 304),
        *((limited_site.client.get(path, headers=OF_OTHERS), 200) for path in ("/healthz", "/readyz")),
        (post(limited_site, {"visitorId": "a"}), 200),
        (post(limited_site, {"visitorId": "a"}, "/api/visitor/heartbeat"), 204),
        (post(limited_site, {}), 400),
        (post(limited_site, {"visitorId": "nobody"}, "/api/visitor/heartbeat"), 404),
        (post(limited_site, {"visitorId": "a"}, "/api/visitor/nothing"), 404),
        (limited_site.client.get("/api/visitor/register", headers=OF_OTHERS), 405),
        (limited_site.client.get("/socket.io/?EIO=4&transport=smoke", headers=OF_OTHERS), 400),
        (post(limited_site, {"visitorId": "a", "more": "x" * 20_000}), 413),
        (post(limited_site, data=b"{}"), 415),
        (too_many, 429),
    ):
        assert answer.status_code == status
        assert_readable_from_anywhere(answer)


TRACING = ("sentry-trace", "baggage", "traceparent", "tracestate", "x-datadog-trace-id", "newrelic", "b3", "request-id")
"""Headers that monitoring scripts add to each request of a page."""


def test_a_preflight_of_a_public_call_allows_our_headers_and_monitoring_headers(limited_site):
    """`*` allows any header but Authorization, and only without credentials (Fetch, 4.9)."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": ",".join(TRACING)}
    allowed = {"content-type", "idempotency-key", "if-none-match", "*", "authorization"}
    for path in ("/api/visitor/register", "/api/events", "/api/stats/", "/api/stream", "/socket.io/"):
        answer = limited_site.client.options(path, headers={**OF_OTHERS, **asked})
        assert answer.status_code == 204
        assert_readable_from_anywhere(answer, exposes=False)
        assert allowed <= named(answer, "Access-Control-Allow-Headers")
        assert {"get", "post"} <= named(answer, "Access-Control-Allow-Methods")
        assert int(answer.headers["Access-Control-Max-Age"]) >= 600


def test_a_path_may_end_with_a_slash(limited_site):
    for path in ("/api/stats/", "/healthz/", "/readyz/", "/openapi.json/"):
        answer = limited_site.client.get(path)
        assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert post(limited_site, {"visitorId": "a"}, "/api/visitor/register/").json["visit"]["ordinal"] == 1
    assert post(limited_site, {"visitorId": "a"}, "/api/visitor/heartbeat/").status_code == 204


def test_the_path_of_socketio_may_lack_its_slash(limited_site):
    """A frontend framework or a proxy may remove it."""
    old, refused = "?EIO=3&transport=polling", []
    for path in ("/socket.io/", "/socket.io"):
        answer = limited_site.client.get(path + old, headers=OF_OTHERS)
        assert_readable_from_anywhere(answer)
        refused.append((answer.status_code, answer.text))
    assert refused[0] == refused[1] == (400, refused[0][1])


MAX_CALLS = 20_000
"""Maximum number of function calls in the serving thread. Unlike time, it is the same on a busy machine."""

IN_PIECES = {"pages_shares.share", "api_sockets.stream"}
"""Routes that wait repeatedly, so that other requests are served in between."""

HEADERS = {"Accept-Encoding": "gzip", "Accept": "text/html"}


def calls_of(site: Site, path: str) -> int:
    """The function calls of a request, in Python and C, once its caches are warm."""
    client, calls = bare(site), [0]

    def count(frame: object, event: str, argument: object) -> None:
        calls[-1] += event in ("call", "c_call")

    for _ in range(3):
        calls.append(0)
        sys.setprofile(count)
        try:
            status = client.get(path, headers=HEADERS).status_code
        finally:
            sys.setprofile(None)
        assert status < 500, path
    return min(calls[1:])


def test_a_request_without_a_login_costs_at_most_20_000_function_calls(site, cast):
    community, token = cast.kept_community(), share(boss(cast))["token"]
    paths = {"nothing": "/nothing-here", "own number": site.register("ayesha").share}
    for endpoint, rule in rules(site).items():
        if "GET" in (rule.methods or ()) and RULES[endpoint] == ANYBODY and endpoint not in SOCKETS | IN_PIECES:
            paths[endpoint] = path_of(site, cast, rule, community).replace("x" * 43, token)
    calls = {name: calls_of(site, path) for name, path in paths.items()}
    assert {"docs.index", "pages_home.index", "badges.badge_svg"} <= set(calls)
    assert {name: count for name, count in calls.items() if count > MAX_CALLS} == {}
