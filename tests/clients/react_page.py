"""A page with the React package in a Node process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.clients.node_page import NodePage

SCRIPT = Path(__file__).with_suffix(".mjs")
ONLINE, OFFLINE = (f'status-indicator {state}"' for state in ("online", "offline"))


class ReactPage(NodePage):
    """`project` is the folder that contains the package. `cookies` are the browser's cookies, as in Set-Cookie."""

    def __init__(self, project: Path, port: int, cookies: list[str] | None = None) -> None:
        super().__init__(SCRIPT, port, project, json.dumps(cookies or []))
        self._cleared = 0

    def show(self, name: str, component: str, community: str, **props: Any) -> None:
        self._do("show", name, component=component, props={"communityId": community, **props})

    def hide(self, name: str) -> None:
        self._do("hide", name)

    def click(self, name: str) -> None:
        self._do("click", name)

    def clear(self) -> None:
        """Reset to a new page: nothing shown, no sockets, no recorded messages."""
        self._cleared += 1
        self._do("clear", str(self._cleared))
        self.wait_for("cleared", name=str(self._cleared))
        self._said.clear()

    def html(self, name: str) -> str:
        """The current HTML of the component with this name."""
        rendered = self.events("html", name=name)
        return rendered[-1]["html"] if rendered else ""

    def wait_to_show(self, name: str, *texts: str) -> None:
        self.wait_until(lambda: all(text in self.html(name) for text in texts), f"{name} shows {texts}")

    def wait_for_event(self, count: int) -> dict[str, Any]:
        """Wait for event number `count`, from 1, on its sockets, and return it."""
        return self.wait_for_number(count, "received")["event"]

    def sockets(self, token: str) -> int:
        """The number of sockets it has opened with a token."""
        return len([message for message in self.events("socket") if token in message["protocols"]])

    def _do(self, what: str, name: str, **more: Any) -> None:
        self.do(json.dumps({"do": what, "name": name, **more}))
