"""A page is checked as a browser would open it: its lines, and the policy that may block them."""

from __future__ import annotations

import time
from ipaddress import ip_network

import pytest
from support.application.site import Site
from support.people.admins import panel
from support.people.page_readers import words
from support.programs.processes import wait_until
from support.servers.odd_server import OddServer

from koyjabo.core.identity import OPERATOR
from koyjabo.core.runtime import ThreadRuntime
from koyjabo.install import page_checks
from koyjabo.install.page_checks import PageChecks
from koyjabo.outbound.client import HttpClient
from koyjabo.outbound.messages import ANYWHERE, PUBLIC, Destinations

SERVER = "https://live.example.com"
ELEMENT = f'<koyjabo-count></koyjabo-count><script type="module" src="{SERVER}/static/js/koyjabo-count.js"></script>'
MODULE = (
    f'<script type="module">import {{ KoyJabo }} from "{SERVER}/static/js/koyjabo.js"; new KoyJabo().start()</script>'
)
NONCE = MODULE.replace("<script", '<script nonce="r4nd0m"')
FRAME = f'<iframe src="{SERVER}/embed?value=total&amp;counts=1"></iframe>'
PIXEL = f'<img src="{SERVER}/v.gif?page=/" alt="">'
BADGE = f'<img src="{SERVER}/badge.svg">'
NO_URL = "https://[live.example.com"
OWN_SCRIPT = '<script type="module" src="/koyjabo/koyjabo-count.js"></script>'
OWN_COPY = f'<koyjabo-count base-url="{SERVER}"></koyjabo-count>{OWN_SCRIPT}'


@pytest.fixture(scope="module")
def page():
    server = OddServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def hosts():
    return []


@pytest.fixture(scope="module")
def checks(hosts):
    return PageChecks(HttpClient(ThreadRuntime()), ANYWHERE, hosts.append)


def answer(body: str, *headers: str, status: str = "200 OK", media: str = "text/html; charset=utf-8") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media}", f"Content-Length: {len(body.encode())}", *headers]
    return ("\r\n".join([*lines, "", ""]) + body).encode()


def check(checks, page, body, *headers, **more):
    page.answer = answer(f"<!doctype html><title>A shop</title>{body}", *headers, **more)
    return checks.check(OPERATOR, page.url, [SERVER], "https://koyjabo.example")


def policy(text: str) -> str:
    return f"Content-Security-Policy: {text}"


COUNTED = [
    (ELEMENT, ("element",)),
    (MODULE, ("module",)),
    (FRAME + PIXEL, ("frame", "pixel")),
    (OWN_COPY, ("element",)),
]


def test_page_with_a_line_that_may_run_counts_and_is_told(checks, page, hosts):
    for body, kinds in COUNTED:
        found = check(checks, page, body)
        assert (found.kinds, found.problem) == (kinds, ""), body
    assert set(hosts) == {page.url.split("/")[2]}


BROKEN = [
    "<a " * 20_000,  # takes `html.parser` minutes
    "<a b='\"" * 20_000,
    '<script src="http://["></script><base href="//[x"><img src="https://a.example:99999/v.gif">',
    f'<koyjabo-count base-url="http://["></koyjabo-count>{OWN_SCRIPT}',
    "<meta http-equiv='Content-Security-Policy' content='img-src a:" + "9" * 5000 + " *'>",
    f'<koyjabo-count base-url="{SERVER}"></koyjabo-count><script src="https://a.example:99999/koyjabo-count.js"></script>'
    "<meta http-equiv='Content-Security-Policy' content='script-src b.example'>",
    "<img alt='&#" + "9" * 5000 + ";'>",
]


def test_broken_page_is_read_at_once_and_as_far_as_it_goes(checks, page):
    for broken in BROKEN:
        began = time.process_time()
        assert check(checks, page, broken).problem in ("missing", "no_script"), broken[:40]
        assert check(checks, page, PIXEL + broken).kinds == ("pixel",), broken[:40]
        assert time.process_time() - began < 1
    hidden = f"<!-- {PIXEL} --><textarea>{PIXEL}</textarea><style>{PIXEL}"
    assert check(checks, page, hidden).problem == "missing"
    page.answer = b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n"
    assert checks.check(OPERATOR, page.url, [SERVER], "https://koyjabo.example").problem == "refused"


BLOCKED = [
    (ELEMENT, "default-src 'self'", "default-src 'self'"),
    (ELEMENT, f"script-src {SERVER}; connect-src 'self'", "connect-src 'self'"),
    (ELEMENT, "script-src 'strict-dynamic' 'nonce-other' https:", "script-src 'strict-dynamic' 'nonce-other' https:"),
    (ELEMENT, f"script-src {SERVER}/other/", f"script-src {SERVER}/other/"),
    (ELEMENT, "script-src 'none'", "script-src 'none'"),
    (MODULE, f"script-src {SERVER}", f"script-src {SERVER}"),
    (MODULE, "script-src 'unsafe-inline'", "script-src 'unsafe-inline'"),
    (FRAME, "child-src 'self'; default-src *", "child-src 'self'"),
    (PIXEL, "img-src data:", "img-src data:"),
    (OWN_COPY, f"default-src {SERVER}", f"default-src {SERVER}"),
]
ALLOWED = [
    (ELEMENT, f"script-src {SERVER}; connect-src {SERVER}"),
    (ELEMENT, "default-src https:"),
    (ELEMENT, "script-src *.example.com; default-src *"),
    (ELEMENT, f"script-src {SERVER}/static/js/ 'self'; connect-src {SERVER}:443"),
    (MODULE, f"script-src {SERVER} 'unsafe-inline'"),
    (NONCE, "script-src 'nonce-r4nd0m' 'strict-dynamic'"),
    (FRAME, f"frame-src {SERVER}; default-src 'none'"),
    (OWN_COPY, f"script-src 'self'; connect-src {SERVER}"),
    (BADGE + PIXEL, f"img-src {SERVER}"),
]


def test_policy_that_blocks_a_line_is_named_and_others_do_not_matter(checks, page):
    for body, text, refusal in BLOCKED:
        found = check(checks, page, body, policy(text))
        assert (found.problem, found.detail) == ("blocked", refusal), (body, text)
    for body, text in ALLOWED:
        assert check(checks, page, body, policy(text)).counts, (body, text)


def test_every_policy_of_a_page_has_to_allow_it(checks, page):
    meta = "<meta http-equiv=content-security-policy content=\"script-src 'self'\">"
    assert check(checks, page, meta + ELEMENT, policy("default-src *")).detail == "script-src 'self'"
    assert check(checks, page, ELEMENT, policy("default-src *, script-src 'self'")).detail == "script-src 'self'"


WRONG = [
    ("", "missing", ""),
    ("<koyjabo-count></koyjabo-count>", "no_script", ""),
    (ELEMENT.partition("</koyjabo-count>")[2], "no_element", ""),
    (ELEMENT.replace("live.example.com", "koyjabo.example"), "sample", "https://koyjabo.example"),
    (ELEMENT.replace("live.example.com", "other.example"), "other_server", "https://other.example"),
    (BADGE, "silent", ""),
    (ELEMENT.replace("<koyjabo-count>", '<koyjabo-count counts="false">'), "silent", ""),
    (f"<!-- {ELEMENT} -->", "missing", ""),
    (f'<base href="{NO_URL}"><img src="{NO_URL}"><script>import "{NO_URL}/koyjabo.js"</script>', "missing", ""),
]


def test_what_is_missing_is_said(checks, page):
    for body, problem, detail in WRONG:
        found = check(checks, page, body)
        assert (found.problem, found.detail) == (problem, detail), body


def test_answer_that_is_no_page_is_said(checks, page):
    assert check(checks, page, ELEMENT, status="404 Not Found").detail == "404"
    assert check(checks, page, ELEMENT, media="application/json").problem == "not_html"
    assert check(checks, page, "", "Location: /", status="302 Found").problem == "redirects"
    nowhere = checks.check(OPERATOR, "http://127.0.0.1:1/", [SERVER], "")
    assert (nowhere.problem, nowhere.host) == ("no_answer", "127.0.0.1:1")
    no_url = check(checks, page, "", f"Location: {NO_URL}", status="302 Found")
    assert (no_url.problem, no_url.host, no_url.url) == ("refused", "", NO_URL)


def test_https_page_with_a_line_without_https_is_blocked():
    lines = page_checks.lines_of(ELEMENT.replace("https", "http"), "https://shop.example/").lines
    found = page_checks._verdict(
        "https://shop.example/", lines, page_checks.ContentPolicies("https://shop.example/", [])
    )
    assert (found.problem, found.detail) == ("insecure", "http://live.example.com")


def test_no_address_is_opened_that_is_not_allowed_also_after_a_redirect(page):
    checks = PageChecks(HttpClient(ThreadRuntime()), PUBLIC, lambda host: None)
    page.requests.clear()
    found = checks.check(OPERATOR, page.url, [SERVER], "")
    assert (found.problem, "loopback" in found.detail, page.requests) == ("refused", True, [])
    first = Destinations((ip_network("127.0.0.1/32"),))
    found = check(
        PageChecks(HttpClient(ThreadRuntime()), first, lambda host: None),
        *(page, "", f"Location: {page.url.replace('127.0.0.1', '127.0.0.2')}"),
        status="302 Found",
    )
    assert (found.problem, found.host.partition(":")[0], len(page.requests)) == ("refused", "127.0.0.2", 1)


def test_admin_checks_a_page_and_its_step_is_done(sqlite_database, page):
    with Site(sqlite_database.url, ENVIRONMENT="development") as site:
        admin = panel(site)
        assert "Check your page" in words(admin.get("/install"))
        page.answer = answer(ELEMENT.replace(SERVER, "http://localhost"))
        said = words(admin.send("/install", status=200, url=page.url))
        assert ": a live number. The next visit there is counted." in said
        seen = f"Seen on {page.url.split('/')[2]}"
        wait_until(lambda: seen in words(admin.get("/admin/getting-started")), "the step is done")


def test_server_in_production_opens_no_private_address(sqlite_database, page):
    page.requests.clear()
    with Site(sqlite_database.url) as site:
        said = words(panel(site).send("/install", status=200, url=page.url))
    assert ("cannot be checked: 127.0.0.1 is loopback" in said, page.requests) == (True, [])
