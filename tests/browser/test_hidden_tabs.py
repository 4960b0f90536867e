"""Tabs that a real Chromium hides, and pages that it keeps in its back/forward cache."""

import json
from collections.abc import Iterator

import pytest
from support.browser.host_pages import BEGIN
from support.browser.tabs import Tab, Tabs, tabs
from support.faults.moved_clocks import Timed
from support.programs.processes import wait_until

pytestmark = pytest.mark.long(
    proved_by="browser/test_attended_pages.py::test_page_is_attended_while_it_is_visible_and_a_driven_browser_is_noted"
)

VISIT = "JSON.parse(Object.entries(sessionStorage).find(([key]) => key.startsWith('koyjabo.visit'))[1]).visitId"


NOTE_MESSAGES = """{
  const Socket = window.WebSocket;
  window.isHeard = false;
  window.WebSocket = class extends Socket {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", () => (window.isHeard = true));
    }
  };
}"""


@pytest.fixture
def timed(sqlite_database, tmp_path) -> Iterator[Timed]:
    timed = Timed(sqlite_database, tmp_path)
    yield timed
    timed.server.kill()


@pytest.fixture
def window(tmp_path) -> Iterator[Tabs]:
    with tabs(tmp_path / "profile") as window:
        yield window


def begin(window: Tabs, address: str, timed: Timed) -> tuple[Tab, str]:
    """Open a tab, wait until it is live, and return it with its visit's id."""
    tab = window.open(address)
    wait_until(lambda: tab.evaluate("location.href + document.readyState") == f"{address}complete", "it has loaded")
    module = f"http://localhost:{timed.server.port}/static/js/koyjabo.js"
    tab.evaluate(f"({BEGIN})({json.dumps([module, {}])}).then(() => null)")
    wait_until(lambda: tab.evaluate("window.koyjabo.line") == "live", "it is live")
    return tab, tab.evaluate(VISIT)


def test_tab_behind_another_one_is_not_attended(window, other_site, timed):
    tab, visit = begin(window, other_site, timed)
    timed.pass_(10)
    other = window.open()
    wait_until(lambda: tab.evaluate("document.visibilityState") == "hidden", "it is hidden")
    timed.wait_for(visit, 10)
    timed.pass_(40)
    tab.show()
    wait_until(lambda: tab.evaluate("document.visibilityState") == "visible", "it is visible")
    other.show()
    timed.wait_for(visit, 10)


def test_page_from_the_cache_is_attended_again(window, other_site, timed):
    tab, visit = begin(window, other_site, timed)
    timed.pass_(10)
    tab.evaluate(NOTE_MESSAGES)
    tab.evaluate("setTimeout(() => { location.href = '/next'; }); null")
    timed.wait_for(visit, 10)
    timed.pass_(40)
    tab.evaluate("setTimeout(() => history.back()); null")
    wait_until(lambda: tab.evaluate("window.isHeard"), "its next socket is admitted")
    timed.pass_(15)
    window.open()
    timed.wait_for(visit, 25)
