"""The npm packages on the page of another site, in an application that esbuild has built."""

from __future__ import annotations

import subprocess
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from support.package_fixtures import succeed
from support.pages import wait_for

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
createRoot(document.body.appendChild(document.createElement("main"))).render(createElement(App));
"""
BUNDLE = ["--bundle", "--splitting", "--format=esm", "--outdir=built", '--define:process.env.NODE_ENV="production"']
RUN = "(url) => { window.baseUrl = url; return import('/built/application.js'); }"
SEARCHES = "SELECT count(*) FROM events WHERE name = 'search'"


@pytest.fixture(scope="module")
def shop(project):
    """A site with the files of the project."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(project))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/package.json"
        server.shutdown()


@pytest.mark.long(proved_by="browser/test_client_module.py::test_any_page_can_import_it_and_is_one_visit")
def test_react_application_shows_the_numbers_live(page, project, shop, site):
    (project / "application.js").write_text(APPLICATION)
    command = ["node_modules/esbuild/bin/esbuild", "application.js", *BUNDLE]
    succeed(subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False))
    before, searches = site.stats().total, site.database.rows(SEARCHES)[0][0]
    page.goto(shop)
    page.evaluate(RUN, f"http://localhost:{site.port}")
    shown = page.locator("main")
    wait_for(page, lambda: shown.inner_text() == f"{before + 1} live {before + 1}", "its own number")
    total = site.register("somebody").stats.total
    wait_for(page, lambda: shown.inner_text() == f"{total} live {before + 1}", "the next visit")
    wait_for(page, lambda: site.database.rows(SEARCHES)[0][0] == searches + 1, "its event is counted")
