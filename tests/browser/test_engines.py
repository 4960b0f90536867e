"""The pages in Chromium, Firefox and WebKit: a visit is counted and shown, the next is pushed, and nothing throws."""

from __future__ import annotations

import json

import pytest
from engines import ENGINES
from pages import SITE
from support.programs.processes import wait_until
from support.servers.proxies import Nginx, replaced

CATCHER = """window.failures = [];
addEventListener("error", ({ message }) => failures.push(message));
addEventListener("unhandledrejection", ({ reason }) => failures.push(String(reason)));"""
INSERTED = f"""proxy_http_version 1.1;
        proxy_set_header Accept-Encoding "";
        sub_filter "<head>" '<head><script src="/catcher.js"></script>';
        location = /catcher.js {{ default_type text/javascript; return 200 '{CATCHER}'; }}"""

ELEMENT = """(() => {
  %s
  document.body.append(document.createElement("koyjabo-count"));
  document.body.append(Object.assign(document.createElement("script"), { type: "module", src: %s }));
})()"""
IN_ELEMENT = "querySelector('koyjabo-count')?.shadowRoot?.querySelector('[part=number]')"
TOTAL = "querySelector('[data-stat=totalVisits]')"
SURFACES = {
    "home page": ("/", TOTAL),
    "receipt": ("/receipt", "querySelector('tfoot td')"),
    "element": ("", IN_ELEMENT),
    "room": ("/communities/{}", "querySelector('[data-stat=todayVisits]')"),
    "Overview": ("/admin/?range=today", TOTAL),
}
"""The path of a page, and the number on it."""

COUNTED = ("home page", "element", "room")


class CatchingNginx(Nginx):
    """Puts a script that catches exceptions before all others of a page, which works in every engine."""

    def _configuration(self) -> str:
        return replaced(super()._configuration(), {"proxy_http_version 1.1;": INSERTED})


@pytest.fixture(params=ENGINES)
def tab(request, tmp_path):
    with ENGINES[request.param](request, tmp_path) as tab:
        yield tab


@pytest.fixture(scope="module")
def front(site, tmp_path_factory):
    with CatchingNginx(tmp_path_factory.mktemp("nginx"), site.port) as proxy:
        yield f"{SITE}:{proxy.port}"


@pytest.fixture(scope="module")
def cookies(session, founder):
    """The cookies of logins, by surface. A script of the page sets them, which works in every engine."""
    admin = {cookie["name"]: cookie["value"] for cookie in session["cookies"]}
    return {"Overview": admin, "room": founder.http.cookies.get_dict()}


@pytest.mark.long(
    proved_by="browser/test_matrix_browser.py::test_a_page_in_a_browser_with_a_distorted_interface_has_the_outcome_of_its_row"
)
@pytest.mark.parametrize("surface", SURFACES)
def test_a_page_counts_its_visit_shows_the_next_and_throws_nothing_in_each_engine(
    tab, surface, front, site, other_site, cookies, founder, community
):
    (path, number), is_counted = SURFACES[surface], surface in COUNTED
    before = site.stats().total
    first = 1 if surface == "room" else before + is_counted
    tab.go(f"{front}/login" if path else other_site)
    for name, value in cookies.get(surface, {}).items():
        tab.run(f"document.cookie = {json.dumps(f'{name}={value}; path=/')}")
    if path:
        tab.go(f"{front}{path.format(community)}")
    else:
        tab.run(ELEMENT % (CATCHER, json.dumps(f"{front}/static/js/koyjabo-count.js")))

    def shows(expected: int) -> None:
        text = f"document.{number}?.textContent.replace(/[^0-9]/g, '')"
        wait_until(lambda: tab.run(text) == str(expected), f"{surface} shows {expected:,}")

    shows(first)
    assert site.stats().total == before + is_counted
    founder.visit("rahim", community)
    shows(first + 1)
    assert tab.run("window.failures") == []
    assert site.database.rows("SELECT count(*) FROM visits") == [(before + is_counted + 1 - 4000,)]
