"""Tabs that a real Chromium hides, and pages that it keeps in its back/forward cache."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.browser.chromium import OPTIONS
from support.browser.host_pages import BEGIN
from support.faults.moved_clocks import Timed
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from websockets.sync.client import connect

NEEDS_WINDOWS = "there is no whole Chromium, and a headless shell neither hides tabs nor keeps pages that are left"


class Tabs:
    def __init__(self, url: str) -> None:
        self._line = connect(url, max_size=None, ping_interval=None, proxy=None)
        self._calls = 0

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._calls += 1
        call = {"id": self._calls, "method": method, "params": params}
        self._line.send(json.dumps({**call, **({"sessionId": session} if session else {})}))
        while (answer := json.loads(self._line.recv(PATIENCE_S))).get("id") != self._calls:
            pass
        return answer["result"]

    def open(self, url: str = "about:blank") -> Tab:
        """Open a tab in front of the others."""
        return Tab(self, self.call("Target.createTarget", url=url)["targetId"])


class Tab:
    def __init__(self, tabs: Tabs, target: str) -> None:
        self._tabs, self._target = tabs, target
        self._session = tabs.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def evaluate(self, expression: str) -> Any:
        """The value of an expression. Promises are awaited."""
        options = {"awaitPromise": True, "returnByValue": True, "userGesture": False}
        result = self._tabs.call("Runtime.evaluate", self._session, expression=expression, **options)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def show(self) -> None:
        self._tabs.call("Target.activateTarget", targetId=self._target)


@contextmanager
def tabs(folder: Path) -> Iterator[Tabs]:
    """Start a Chromium with this profile. Skips the test if there is only a headless shell."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip(NEEDS_WINDOWS)
    options = ["--headless=new", "--no-sandbox", "--remote-debugging-port=0", f"--user-data-dir={folder}"]
    isolated = [option for option in OPTIONS if "process" not in option and "isolation" not in option]
    command = [path, *options, *isolated, "--remote-allow-origins=*", "about:blank"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = next(match[0] for line in process.stderr if (match := re.search(r"ws://\S+", line)))
        try:
            yield Tabs(address)
        finally:
            process.terminate()
            process.stderr.close()


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
