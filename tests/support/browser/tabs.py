"""A whole Chromium with tabs in one window, driven over its own protocol: Playwright keeps all pages visible."""

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
import websocket

from support.browser.chromium import OPTIONS

NEEDS_WINDOWS = "there is no whole Chromium, and a headless shell neither hides tabs nor keeps pages that are left"


class Tabs:
    def __init__(self, url: str) -> None:
        self._line = websocket.create_connection(url, timeout=30)
        self._calls = 0

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._calls += 1
        call = {"id": self._calls, "method": method, "params": params}
        self._line.send(json.dumps({**call, **({"sessionId": session} if session else {})}))
        while (answer := json.loads(self._line.recv())).get("id") != self._calls:
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
