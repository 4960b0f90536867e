"""Apache with Debian's ModSecurity and the OWASP rules in front of the server. Pages have names, not addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from host_pages import begin_live
from matrix.proxies import Firewall, OpenFirewall
from pages import expect, wait_for
from support.application.site import Site
from support.clients.members import PASSWORD as MEMBERS_PASSWORD
from support.people.permissions import RULES
from support.people.routes import method_of, rules
from support.servers.mailbox import PUBLIC_URL

from koyjabo.web.forms.sent_form import SECRET_LABELS, TEXT_FIELDS

pytestmark = pytest.mark.long(
    proved_by="clients/test_modules.py::"
    "test_a_response_of_another_program_in_the_servers_place_loses_no_visit_event_or_number"
)

HEARTBEAT = ("/api/visitor/heartbeat", "application/json")
NO_SOCKETS = "window.WebSocket = null;"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
WRITTEN = {
    "name": "Rani's Café & Co. – বন্ধুরা (Dhaka)",
    "description": 'Fridays; bring tea & cake!\r\nSee https://example.com/meet?day=friday (5 min. from "Gate 2").',
    "email": "rani.o'neil+live@example.com",
    "public_url": "https://live.example.com",
    "sender": "Koy Jabo Live <live@example.com>",
    "next": "/admin/?range=7d&by=page#sources",
    "csrf_token": "x" * 60,
}
REFUSED_TEXT = "<script>alert(document.cookie)</script>"


@pytest.fixture(scope="module")
def firewall(site, tmp_path_factory) -> Iterator[Firewall]:
    with Firewall(tmp_path_factory.mktemp("firewall"), site.port) as firewall:
        yield firewall


@pytest.fixture
def shop(page, firewall, other_site):
    """A page of another site whose name is no IP address."""

    class Shop:
        port = firewall.port

        def open(self, path: str = "posts/1") -> None:
            page.goto(f"http://localhost:{urlsplit(other_site).port}/{path}")

    return Shop()


def stored(site, page) -> tuple[list, list]:
    who = page.evaluate("localStorage.visitorId")
    visits = site.database.rows(f"SELECT page FROM visits WHERE visitor_id = '{who}'")
    events = site.database.rows(f"SELECT name, page FROM events WHERE visitor_id = '{who}' ORDER BY id")
    return visits, events


@pytest.mark.parametrize("script", ["", NO_SOCKETS], ids=["sockets", "streams"])
def test_a_page_of_another_site_counts_and_shows_through_a_firewall(page, site, shop, script):
    page.add_init_script(script)
    sent: list[tuple[str, str]] = []

    def note(request) -> None:
        if request.method == "POST":
            sent.append((urlsplit(request.url).path, request.headers["content-type"].partition(";")[0]))

    page.on("request", note)
    before = site.stats().total
    shop.open()
    begin_live(page, shop, pageViews=True)
    wait_for(page, lambda: page.evaluate("window.koyjabo.isCounted"), "the visit counts")
    page.evaluate("history.pushState({}, '', '/posts/2')")
    page.evaluate("window.koyjabo.track('search', { to: 'Mirpur 10' })")
    wait_for(page, lambda: len(stored(site, page)[1]) == 2, "the view and the event count")
    assert stored(site, page) == ([("/posts/1",)], [("pageview", "/posts/2"), ("search", "/posts/2")])
    assert site.stats().total == before + 1
    site.register("karim")
    page.wait_for_function("(total) => window.koyjabo.stats.totalVisits === total", arg=before + 2)
    if script:
        wait_for(page, lambda: HEARTBEAT in sent, "a heartbeat")
    assert [kind for path, kind in sent if path.endswith("register")] == ["text/plain", "application/json"]
    assert {kind for path, kind in sent if not path.endswith("register")} == {"application/json"}


def test_forms_with_texts_that_people_write_reach_the_server_through_a_firewall(firewall, sqlite_database):
    url, sent = f"http://localhost:{firewall.port}", {name: f"the {name} of our site" for name in TEXT_FIELDS}
    sent |= {**dict.fromkeys(SECRET_LABELS, "rickshaw at dawn; 100% sure!"), **WRITTEN}
    refused = []
    with Site(
        sqlite_database.url, SMTP_URL="smtp://127.0.0.1:9?from=live@example.com&tls=off", PUBLIC_URL=PUBLIC_URL
    ) as site:
        adapter = site.app.url_map.bind("localhost")
        forms = {
            name: rule
            for name, rule in rules(site).items()
            if name in RULES and name.startswith(("pages_", "panel_")) and method_of(rule) == "POST"
        }
        for name, rule in forms.items():
            path = adapter.build(name, dict.fromkeys(rule.arguments, 1), method="POST")
            headers = {"User-Agent": BROWSER, "Origin": url, "Referer": url + path}
            answer = requests.post(
                f"{url}{path}?next=/admin/", data=sent, headers=headers, allow_redirects=False, timeout=30
            )
            if "X-Request-Id" not in answer.headers:
                refused.append((name, answer.status_code))
    assert len(forms) > 50
    assert refused == []


def test_a_form_that_a_firewall_refuses_has_its_texts_after_back(page, firewall, founder):
    url, community = f"http://localhost:{firewall.port}", founder.found("Banani")
    page.goto(f"{url}/login")
    page.get_by_label("Email").fill(founder.email)
    page.get_by_label("Password").fill(MEMBERS_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{url}/communities/*")
    page.goto(f"{url}/communities/{community}/settings")
    page.locator("#description").fill(REFUSED_TEXT)
    with page.expect_navigation():
        page.locator("form:has(#description) button.primary").click()
    assert "Forbidden" in page.content()
    page.go_back()
    expect(page.locator("#description")).to_have_value(REFUSED_TEXT)
    assert founder.call("GET", f"/api/communities/{community}")["description"] in ("", None)


def test_the_documented_exceptions_let_visits_and_all_methods_through(site, tmp_path_factory):
    visit = {"visitorId": "karim", "referrer": "http://192.0.2.1/", "page": "/etc/passwd"}
    with OpenFirewall(tmp_path_factory.mktemp("open"), site.port) as firewall:
        url = f"http://localhost:{firewall.port}"
        headers = {"User-Agent": BROWSER, "Content-Type": "text/plain"}
        answer = requests.post(f"{url}/api/visitor/register", data=json.dumps(visit), headers=headers, timeout=30)
        assert answer.json()["visit"]
        for method in ("PUT", "PATCH", "DELETE"):
            answer = requests.request(
                method, f"{url}/api/auth/me", json={}, headers={"User-Agent": BROWSER}, timeout=30
            )
            assert answer.json()["code"] in ("unauthenticated", "method_not_allowed")
