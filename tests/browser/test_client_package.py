"""The npm packages in an application built with esbuild, against a real server."""

import subprocess

import pytest
from pages import expect, wait_for
from support.fixtures.package_fixtures import succeed

APPLICATION = """
import { useKoyJabo } from "@koyjabo/react";
import { KoyJabo } from "%s";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

const koyjabo = new KoyJabo({ baseUrl: window.base ?? location.origin });
koyjabo.track("search");

function Numbers() {
  const { stats, line, visit } = useKoyJabo(koyjabo);
  return `${stats?.totalVisits} ${line} ${visit?.ordinal}`;
}

try { new KoyJabo(); } catch ({ message }) { window.problem = message; }
window.start = () => void koyjabo.start();
createRoot(document.querySelector("main")).render(createElement(Numbers));
"""
BUNDLE = ["--bundle", "--splitting", "--format=esm", "--outdir=built", '--define:process.env.NODE_ENV="production"']
PAGE = '<!doctype html><title>Shop</title><main></main><script type="module" src="/shop/application.js"></script>'
SEARCHES = "SELECT count(*) FROM events WHERE name = 'search'"

pytestmark = pytest.mark.long(
    proved_by="browser/test_client_module.py::test_a_page_of_another_site_that_imports_the_module_is_one_visit"
)


@pytest.fixture(params=["koyjabo", "koyjabo/all"])
def shop(page, project, request):
    """A page of the application, served as if from the site. It imports one of the package's entry points."""
    (project / "application.js").write_text(APPLICATION.replace("%s", request.param))
    command = ["node_modules/esbuild/bin/esbuild", "application.js", *BUNDLE]
    succeed(subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False))
    page.route("**/shop/", lambda route: route.fulfill(content_type="text/html", body=PAGE))
    page.route(
        "**/shop/*.js", lambda route: route.fulfill(path=project / "built" / route.request.url.rpartition("/")[2])
    )
    page.goto("/shop/")
    wait_for(page, lambda: page.evaluate("!!window.problem"), "it has begun")
    return page


def test_an_application_built_with_the_npm_packages_is_live_and_counts(shop, site):
    assert shop.evaluate("window.problem") == "KoyJabo needs baseUrl"
    before, searches = site.stats().total, site.database.rows(SEARCHES)[0][0]
    shop.evaluate("start()")
    expect(shop.locator("main")).to_have_text(f"{before + 1} live {before + 1}")
    total = site.register("somebody").stats.total
    expect(shop.locator("main")).to_have_text(f"{total} live {before + 1}")
    wait_for(shop, lambda: site.database.rows(SEARCHES)[0][0] == searches + 1, "its event is counted")
