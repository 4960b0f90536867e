"""Pages in Firefox and WebKit behind a portal, behind a firewall, and without sockets."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from engines import ENGINES
from matrix.proxies import Firewall
from support.programs.processes import wait_until
from support.servers.proxies import Nginx, replaced

MODULES = "clients/test_modules.py"
SEND_AS_JSON = f"{MODULES}::test_a_response_of_another_program_in_the_servers_place_loses_no_visit_event_or_number"
FRAMES = 8

BEGIN = """void import({}).then(({{ KoyJabo }}) => {{
  window.koyjabo = new KoyJabo();
  window.koyjabo.start();
}})"""
COUNTED = "window.koyjabo?.isCounted ?? false"
FRAME = """(() => {{
  const frame = document.body.appendChild(document.createElement("iframe"));
  frame.addEventListener("load", () => {{
    const inner = frame.contentDocument;
    const script = Object.assign(inner.createElement("script"), {{ type: "module", src: {module} }});
    inner.body.append(inner.createElement("koyjabo-count"), script);
  }});
  frame.src = {page};
}})()"""
SHOWN = """[...document.querySelectorAll("iframe")].map((frame) =>
  frame.contentDocument?.querySelector("koyjabo-count")?.shadowRoot?.textContent.trim() ?? "")"""


class Portal(Nginx):
    """An nginx that responds to visits in the server's place while the file `closed` is in its folder."""

    headers = ""

    def __init__(self, folder: Path, upstream: int) -> None:
        super().__init__(folder, upstream)
        self.closed = folder / "closed"

    def _configuration(self) -> str:
        refuses = f"if (-f {self.closed}) {{ {self.headers} return 403; }}"
        visits = f"location = /api/visitor/register {{ {refuses} proxy_pass http://koyjabo; }}"
        return replaced(super()._configuration(), {"listen 127": f"{visits}\n listen 127"})


class ReadablePortal(Portal):
    headers = "add_header Access-Control-Allow-Origin * always;"


class NoSockets(Nginx):
    def _configuration(self) -> str:
        return replaced(super()._configuration(), {"listen 127": "if ($http_upgrade) { return 403; }\n listen 127"})


@pytest.fixture(params=[name for name in ENGINES if name != "Chromium"])
def tab(request, tmp_path):
    with ENGINES[request.param](request, tmp_path) as tab:
        yield tab


@pytest.fixture
def shop(other_site) -> str:
    """A page of another site whose name is no IP address."""
    return f"http://localhost:{urlsplit(other_site).port}/posts/1"


def script(port: int, name: str) -> str:
    return json.dumps(f"http://localhost:{port}/static/js/{name}.js")


@pytest.mark.long(proved_by=SEND_AS_JSON)
@pytest.mark.parametrize("kind", [Portal, ReadablePortal])
def test_a_visit_that_a_portal_refused_is_sent_again_in_each_engine(tab, site, shop, tmp_path, kind):
    before = site.stats().total
    with kind(tmp_path, site.port) as portal:
        portal.closed.touch()
        tab.go(shop)
        tab.run(BEGIN.format(script(portal.port, "koyjabo")))
        refused = 'path="/api/visitor/register" status=403'
        wait_until(lambda: refused in portal.log_of("access.log"), "the portal refuses the visit")
        wait_until(lambda: tab.run("window.koyjabo?.waiting === 1"), "the visit waits")
        portal.closed.unlink()
        wait_until(lambda: tab.run(COUNTED), "the visit counts")
        assert site.stats().total == before + 1


@pytest.mark.long(proved_by=SEND_AS_JSON)
def test_a_page_counts_and_sends_events_through_a_firewall_in_each_engine(tab, site, shop, tmp_path):
    before = site.stats().total
    with Firewall(tmp_path, site.port) as firewall:
        tab.go(shop)
        tab.run(BEGIN.format(script(firewall.port, "koyjabo")))
        wait_until(lambda: tab.run(COUNTED), "the visit counts")
        tab.run("void window.koyjabo.track('search')")
        who = json.loads(tab.run("JSON.stringify(localStorage.visitorId)"))
        events = f"SELECT name FROM events WHERE visitor_id = '{who}'"
        wait_until(lambda: site.database.rows(events) == [("search",)], "the event counts")
    assert site.stats().total == before + 1


@pytest.mark.long(proved_by=f"{MODULES}::test_a_stream_replaces_a_blocked_socket")
def test_all_frames_show_each_visit_without_sockets_in_each_engine(tab, site, shop, tmp_path):
    with NoSockets(tmp_path, site.port) as proxy:
        tab.go(shop)
        for number in range(FRAMES):
            page = json.dumps(f"/posts/{number}")
            tab.run(FRAME.format(module=script(proxy.port, "koyjabo-count"), page=page))

        def all_show() -> bool:
            return tab.run(SHOWN) == [f"{site.stats().total:,}"] * FRAMES

        wait_until(all_show, "all frames show the total")
        site.register("karim")
        wait_until(all_show, "all frames show the next visit")
