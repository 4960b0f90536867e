"""A page with the React package on it, in a process of its own, under Node."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from support.programs.processes import wait_until

SCRIPT = Path(__file__).with_suffix(".mjs")
PATIENCE_S = 30
Found = TypeVar("Found")
ONLINE, OFFLINE = (f'status-indicator {state}"' for state in ("online", "offline"))


class ReactPage:
    """`project` is the folder that has the package; `cookies` are those of its browser, as in Set-Cookie."""

    def __init__(self, project: Path, port: int, cookies: list[str] | None = None) -> None:
        command = ["node", str(SCRIPT), f"http://127.0.0.1:{port}", str(project), json.dumps(cookies or [])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._said: list[dict[str, Any]] = []
        self._cleared = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def show(self, name: str, component: str, community: str, **props: Any) -> None:
        self._do("show", name, component=component, props={"communityId": community, **props})

    def hide(self, name: str) -> None:
        self._do("hide", name)

    def click(self, name: str) -> None:
        self._do("click", name)

    def clear(self) -> None:
        """Nothing is shown, no socket is open, and what was said before is forgotten: as good as a new page."""
        self._cleared += 1
        self._do("clear", str(self._cleared))
        self.wait_for("cleared", name=str(self._cleared))
        self._said.clear()

    def said(self, what: str, **fields: Any) -> list[dict[str, Any]]:
        """Everything of one kind, so far."""
        found = [each for each in list(self._said) if each["what"] == what]
        return [each for each in found if fields.items() <= each.items()]

    def wait_for(self, what: str, **fields: Any) -> dict[str, Any]:
        return self._wait(lambda: self.said(what, **fields), f"{what} {fields}")[-1]

    def html(self, name: str) -> str:
        """What is in the place of that name now."""
        rendered = self.said("html", name=name)
        return rendered[-1]["html"] if rendered else ""

    def wait_to_show(self, name: str, *texts: str) -> None:
        self._wait(lambda: all(text in self.html(name) for text in texts), f"{name} shows {texts}")

    def wait_for_event(self, count: int) -> dict[str, Any]:
        """The event that its sockets have received as number `count`, from 1."""
        return self._wait(lambda: self.said("received")[count - 1 :], f"{count} events")[0]["event"]

    def sockets(self, token: str) -> int:
        """How many it has opened with a token."""
        return len([each for each in self.said("socket") if token in each["protocols"]])

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)
        self._reader.join(10)

    def _do(self, what: str, name: str, **more: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": what, "name": name, **more}) + "\n")
        self._process.stdin.flush()

    def _wait(self, condition: Callable[[], Found], what: str) -> Found:
        def found() -> Found:
            assert self._process.poll() is None, "the page has broken down"
            return condition()

        return wait_until(found, what, PATIENCE_S)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._said.append(json.loads(line))
