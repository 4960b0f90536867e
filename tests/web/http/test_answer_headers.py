"""Headers of every response: what browsers must not do, the request's id, and compression."""

import gzip
import re

import pytest
from support.application.site import UPGRADE, Site
from support.people.page_readers import Reader
from support.people.permissions import ANYBODY, RULES, SOCKETS
from support.people.routes import method_of, path_of, rules

from koyjabo.web.http import packing

HTML, JSON = {"Accept": "text/html"}, {"Accept": "application/json"}
MODULE = "/static/js/koyjabo.js"
FOR_OTHERS = (MODULE, "/api/stats", "/badge.svg", "/embed", "/healthz", "/socket.io/?EIO=4&transport=polling")
OWN = ("/", "/account", "/api/auth/me", "/docs/")
WITHIN_PAGES = re.compile(r" style=|<style| onclick=")  # scripts and styles that a policy would refuse
PROXIED = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7", "X-Request-Id": "4f3c2a1b-made-by-a-proxy"}
BAD_IDS = ("short", "x" * 65, "with a space in it", "with=an equals sign", '"quoted-12345"', "আয়েশা-12345")

KINDS = {
    "a page": ("GET", "/", HTML, 200),
    "a module, packed": ("GET", MODULE, {"Accept-Encoding": "gzip"}, 200),
    "a poll": ("GET", "/socket.io/?EIO=4&transport=polling", {}, 200),
    "a poll that is none": ("GET", "/socket.io/?EIO=4&transport=polling&sid=x", {}, 400),
    "no page": ("GET", "/nothing", HTML, 404),
    "no path": ("GET", "/api/nothing", JSON, 404),
    "another method": ("PUT", "/api/stats", {}, 405),
    "a preflight": ("OPTIONS", "/api/visitor/register", {}, 204),
    "options": ("OPTIONS", "/api/auth/me", {}, 200),
    "a refusal": ("GET", "/api/auth/me", {}, 401),
    "a redirect": ("GET", "/account", HTML, 303),
    "no handshake": ("GET", "/ws/communities/x/visitors/", UPGRADE, 501),
    "a head": ("HEAD", "/", HTML, 200),
}


def assert_secure(answer, is_frame: bool = False) -> None:
    """Assert the security headers, and a word for caches. Other sites may show frames (test_frame.py)."""
    headers = answer.headers
    for name in ("X-Content-Type-Options", "Referrer-Policy", "Content-Security-Policy", "Cache-Control"):
        assert len(headers.getlist(name)) == 1, name
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers.getlist("X-Frame-Options") == ([] if is_frame else ["DENY"])
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert ("frame-ancestors 'none'" in policy) != is_frame
    assert "unsafe" not in policy
    is_page, is_worker = answer.mimetype == "text/html", answer.request.path == "/sw.js"
    assert ("script-src 'self'" in policy) == (is_page or is_worker)
    assert ("Permissions-Policy" in headers) == is_page
    assert ("Cross-Origin-Opener-Policy" in headers) == (is_page and not is_frame)
    assert "Server" not in headers


def test_a_response_of_any_kind_has_the_headers_for_security_and_caches(site):
    for kind, (method, path, headers, status) in KINDS.items():
        answer = site.client.open(path, method=method, headers=headers)
        assert answer.status_code == status, kind
        assert_secure(answer)


def test_every_route_has_the_headers_for_security_and_caches_and_no_personal_page_is_cached(site, cast):
    boss, pages = Reader(site).log_in("site_admin"), []
    for rule in rules(site).values():
        if rule.endpoint in SOCKETS:
            continue
        path = path_of(site, cast, rule, cast.kept_community())
        answer = boss.client.open(path, method=method_of(rule), headers=boss.headers)
        assert_secure(answer, is_frame=rule.endpoint == "pages_embeds.embed")
        is_personal = rule.endpoint.startswith(("pages_", "panel_")) and RULES[rule.endpoint] != ANYBODY
        if is_personal and answer.mimetype == "text/html":
            pages.append(path)
            assert "no-store" in answer.headers["Cache-Control"], path
            assert not WITHIN_PAGES.search(answer.text), path
    assert {"/account", "/admin/"} <= set(pages)


def test_other_sites_may_load_only_public_resources(site):
    policies = {path: site.client.get(path).headers["Cross-Origin-Resource-Policy"] for path in (*FOR_OTHERS, *OWN)}
    assert policies == {**dict.fromkeys(FOR_OTHERS, "cross-origin"), **dict.fromkeys(OWN, "same-origin")}


def test_a_browser_that_came_with_tls_stays_with_tls(site):
    for path in ("/", "/api/stats", MODULE, "/nothing"):
        assert "Strict-Transport-Security" not in site.client.get(path).headers
        kept = site.client.get(path, base_url="https://localhost").headers["Strict-Transport-Security"]
        assert int(kept.removeprefix("max-age=")) >= 180 * 86400
    assert "Strict-Transport-Security" not in site.client.get("/", headers=PROXIED).headers


def id_of(site: Site, path: str = "/healthz", **headers: str) -> str:
    return site.client.get(path, headers=headers).headers["X-Request-Id"]


def test_every_response_has_its_own_id_and_not_the_id_of_its_request(site):
    for path in ("/healthz", "/api/stats", "/nowhere", "/", "/socket.io/", "/api/visitor/register"):
        assert id_of(site, path) != id_of(site, path)
    assert id_of(site, **{"X-Request-Id": PROXIED["X-Request-Id"]}) != PROXIED["X-Request-Id"]


def test_a_trusted_proxy_sets_the_scheme_and_the_id_of_a_request(sqlite_database):
    with Site(sqlite_database.url, TRUSTED_PROXIES="1") as site:
        answer = site.client.get("/", headers=PROXIED)
        assert "Strict-Transport-Security" in answer.headers
        assert answer.headers["X-Request-Id"] == PROXIED["X-Request-Id"]
        assert [bad for bad in BAD_IDS if id_of(site, **{"X-Request-Id": bad}) == bad] == []


GZIP = {"Accept-Encoding": "gzip"}
PACKED = ["/", "/login", "/communities", "/docs/", "/openapi.json", "/nothing-here"]
MORE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def admin(site, cast) -> Reader:
    cast.kept_community()
    return Reader(site).log_in("site_admin")


def test_pages_and_data_are_compressed(site):
    for path in PACKED:
        plain = site.client.get(path, headers=MORE)
        packed = site.client.get(path, headers={**MORE, **GZIP})
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.data) == plain.data
        assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
        for answer in (plain, packed):
            assert "Accept-Encoding" in answer.vary, "a cache must not give one to the other"


def test_frequent_responses_and_responses_with_an_etag_are_not_compressed(site, cast, admin, monkeypatch):
    monkeypatch.setattr(packing, "MIN_PACKED_BYTES", 1)
    client = site.app.test_client(use_cookies=False)
    for headers in (GZIP, {**GZIP, "Cookie": "language=bn"}):
        stats = client.get("/api/stats", headers=headers)
        registered = client.post("/api/visitor/register", headers=headers, json={"visitorId": "ayesha"})
        for answer in (stats, registered):
            assert not {"Content-Encoding", "Vary"} & set(answer.headers.keys())
    path = f"/api/communities/{cast.kept_community()}/stats"
    first = admin.client.get(path, headers=GZIP)
    again = admin.client.get(path, headers={**GZIP, "If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    assert "Content-Encoding" not in first.headers


def test_an_export_is_streamed_and_the_response_to_a_form_is_not_compressed(site, admin):
    """The response may show a new key or code."""
    form = {"csrf_token": admin.csrf, "what": "visits"}
    site.register("ayesha")
    answer = admin.client.post("/admin/server/export", headers={**admin.headers, **GZIP}, data=form)
    assert (answer.status_code, answer.is_streamed) == (200, True)
    assert "Content-Encoding" not in answer.headers
    answer = admin.client.post("/account/password", headers={**admin.headers, **GZIP}, data={"csrf_token": admin.csrf})
    assert (answer.status_code, len(answer.data) > 1024) == (422, True)
    assert "Content-Encoding" not in answer.headers


def test_the_length_of_a_page_does_not_reveal_whether_its_query_repeats_a_token(site, admin):
    """Right and wrong guesses of a form's token differ less than two responses to the same request."""

    def lengths(guess: str) -> set[int]:
        path = f"/account?csrf_token={guess}"
        return {len(admin.client.get(path, headers={**admin.headers, **GZIP}).data) for _ in range(20)}

    right, wrong = lengths(admin.csrf), lengths(admin.csrf[::-1])
    assert len(right) > 5
    assert max(min(right), min(wrong)) < min(max(right), max(wrong)), "the two overlap"
    client, cookie = site.app.test_client(use_cookies=False), {**GZIP, **MORE, "Cookie": "language=en"}
    assert len({len(client.get("/communities", headers=cookie).data) for _ in range(5)}) > 1, "also without tokens"
