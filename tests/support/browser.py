"""A real browser: Chromium from the system, without a window, told what to do over its DevTools protocol."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import websocket

from support.processes import kill_all, wait_until

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
LISTENING = re.compile(r"DevTools listening on (ws://\S+)")
PATIENCE_S = 30


class Browser:
    """One browser with a profile of its own, and one page in it."""

    def __init__(self) -> None:
        assert CHROMIUM is not None
        self._folder = tempfile.TemporaryDirectory(prefix="koyjabo-browser-", ignore_cleanup_errors=True)
        log = Path(self._folder.name) / "log"
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                [
                    CHROMIUM,
                    *OPTIONS,
                    "--remote-debugging-port=0",
                    f"--user-data-dir={self._folder.name}",
                    "about:blank",
                ],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        found = wait_until(lambda: LISTENING.search(log.read_text(errors="replace")), "the browser listens", PATIENCE_S)
        self._line = websocket.create_connection(found[1], timeout=PATIENCE_S, suppress_origin=True)
        self._numbers = count(1)
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()
        process = psutil.Process(self._process.pid)
        kill_all([process, *process.children(recursive=True)])
        self._process.wait()
        self._folder.cleanup()

    def open(self, url: str) -> None:
        """Go to a page, and return when it has been loaded."""
        self._ask("Page.navigate", self._session, url=url)
        wait_until(lambda: self.run("return [location.href, document.readyState]") == [url, "complete"], "it is loaded")

    def run(self, script: str) -> Any:
        """What the body of an async function returns, in the page, as JSON has it."""
        expression = f"(async () => {{ {script} }})()"
        options = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = self._ask("Runtime.evaluate", self._session, **options)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def _ask(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        self._line.send(json.dumps({**message, "sessionId": session} if session else message))
        while True:
            said = json.loads(self._line.recv())
            if said.get("id") == number:
                assert "result" in said, said
                return said["result"]
