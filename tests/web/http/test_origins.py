"""Pages of ALLOWED_ORIGINS may read responses with the cookies of the browser. Other pages may read public calls."""

import pytest
import requests
from support.application.site import Site, site_fixture
from support.clients.connection import Connection, head
from support.programs.patience import PATIENCE_S

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.identity import OPERATOR
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings

APP = "https://app.example.com"
ELSEWHERE = "https://elsewhere.example"
CALLS = [
    ("GET", "/api/stats", 200),
    ("GET", "/badge.svg?value=total", 200),
    ("GET", "/v.gif", 200),
    ("GET", "/healthz", 200),
    ("GET", "/embed?value=total", 200),
    ("GET", "/static/js/koyjabo.js", 200),
    ("GET", "/robots.txt", 200),
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
NO_ORIGINS = (
    "null",
    "*",
    "https://*.example.com",
    "https://a.example/x",
    "file://",
    "capacitor:",
    "https://u@a.example",
)


site = site_fixture(is_shared=True)


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


def test_pages_with_form_tokens_allow_no_origin(site):
    allow(site, APP)
    for path in OWN_PAGES:
        answer = ask(site, "GET", path)
        assert cors(answer.headers) == (None, None), path
        assert "Origin" in varies(answer.headers), path


def test_a_response_that_already_varies_also_varies_by_its_origin(site):
    assert "Vary" not in ask(site, "GET", "/api/stats").headers
    allow(site, APP)
    packed = ask(site, "GET", "/static/js/koyjabo.js", **{"Accept-Encoding": "gzip"})
    assert packed.headers.getlist("Vary") == ["Accept-Encoding, Origin"]
    stats = ask(site, "GET", "/api/stats")
    same = ask(site, "GET", "/api/stats", **{"If-None-Match": stats.headers["ETag"]})
    assert (same.status_code, varies(same.headers), cors(same.headers)) == (304, {"Origin"}, (APP, "true"))


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


def test_a_value_that_no_browser_sends_is_refused_as_an_origin(site):
    for setting in NO_ORIGINS:
        with pytest.raises(InvalidInput) as refusal:
            allow(site, setting)
        assert "ALLOWED_ORIGINS" in refusal.value.details
        allow(site, APP)
        assert cors(ask(site, "GET", "/api/stats", setting).headers) == ("*", None)


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
            assert "Origin" in varies(answer.headers)


def test_a_frame_is_shown_by_pages_that_require_an_embedder_policy(site):
    frame = ask(site, "GET", "/embed?value=total").headers
    assert frame["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert frame["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Cross-Origin-Embedder-Policy" not in ask(site, "GET", "/").headers
