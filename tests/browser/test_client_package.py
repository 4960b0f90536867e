"""The npm packages in Chromium, on a page of another site: as modules, and in an application that esbuild has built."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from support.package_fixtures import succeed
from support.pages import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGE = """<!doctype html><title>Elsewhere</title><div id="app"></div>
<script type="importmap">{"imports": {"koyjabo": "/node_modules/koyjabo/dist/index.js"}}</script>"""
BEGIN = """async (baseUrl) => {
  const { KoyJabo } = await import("koyjabo");
  window.koyjabo = new KoyJabo({ baseUrl });
  window.koyjabo.track("search");
  await window.koyjabo.start();
}"""
APPLICATION = """
import { useKoyJabo } from "@koyjabo/react";
import { KoyJabo } from "koyjabo";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

const koyjabo = new KoyJabo({ baseUrl: window.baseUrl });
koyjabo.track("search");
koyjabo.start();

function App() {
  const { stats, line, visit } = useKoyJabo(koyjabo);
  return `${stats?.totalVisits} ${line} ${visit?.ordinal}`;
}
createRoot(document.querySelector("#app")).render(createElement(App));
"""
BUNDLE = ["--bundle", "--splitting", "--format=esm", "--outdir=built", '--define:process.env.NODE_ENV="production"']
RUN = "(url) => { window.baseUrl = url; return import('/built/application.js'); }"
SEARCHES = "SELECT count(*) FROM events WHERE name = 'search'"


@pytest.fixture(scope="module")
def shop(project: Path) -> Iterator[str]:
    """A site with the files of the project; its first page names the package."""

    class Shop(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(project))  # type: ignore[arg-type]

        def do_GET(self) -> None:
            if self.path != "/":
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_modules_of_the_package_count_and_are_live(page: Page, shop, site):
    before, searches = site.stats().total, site.database.rows(SEARCHES)[0][0]
    page.goto(shop)
    page.evaluate(BEGIN, f"http://localhost:{site.port}")
    wait_for(page, lambda: page.evaluate("window.koyjabo.line") == "live", "it is live")
    assert page.evaluate("window.koyjabo.visit.ordinal") == before + 1
    wait_for(page, lambda: site.database.rows(SEARCHES)[0][0] == searches + 1, "its event is counted")


def test_react_application_shows_the_numbers_live(page: Page, project, shop, site):
    (project / "application.js").write_text(APPLICATION)
    command = ["node_modules/esbuild/bin/esbuild", "application.js", *BUNDLE]
    succeed(subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False))
    before, searches = site.stats().total, site.database.rows(SEARCHES)[0][0]
    page.goto(shop)
    page.evaluate(RUN, f"http://localhost:{site.port}")
    shown = page.locator("#app")
    wait_for(page, lambda: shown.inner_text() == f"{before + 1} live {before + 1}", "its own number")
    total = site.register("somebody").stats.total
    wait_for(page, lambda: shown.inner_text() == f"{total} live {before + 1}", "the next visit")
    wait_for(page, lambda: site.database.rows(SEARCHES)[0][0] == searches + 1, "its event is counted")
