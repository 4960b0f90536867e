"""Pages under Node, and other clients, one process each. They take commands and report events as lines of JSON."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

Found = TypeVar("Found")


class NodePage:
    """Runs `script` with the server's URL, the folder of its packages, and `arguments`."""

    def __init__(
        self,
        script: Path,
        port: int,
        packages: Path,
        *arguments: str,
        program: str = "node",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        command = [program, str(script), f"http://127.0.0.1:{port}", str(packages), *arguments]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._said: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def events(self, what: str, **fields: Any) -> list[dict[str, Any]]:
        """All events of one kind so far."""
        return [
            message for message in list(self._said) if message["what"] == what and fields.items() <= message.items()
        ]

    def wait_for(self, what: str, **fields: Any) -> dict[str, Any]:
        """The latest event of a kind, as soon as there is one."""
        return self.wait_until(lambda: self.events(what, **fields), f"{what} {fields}")[-1]

    def wait_for_number(self, count: int, what: str) -> dict[str, Any]:
        """The `count`th event of a kind, counted from 1."""
        return self.wait_until(lambda: self.events(what)[count - 1 :], f"{what}, number {count}")[0]

    def wait_until(self, condition: Callable[[], Found], what: str) -> Found:
        def find() -> Found:
            assert self._process.poll() is None, "the page has broken down"
            return condition()

        return wait_until(find, what)

    def do(self, command: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{command}\n")

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)

    def kill(self) -> None:
        self._process.kill()
        self.close()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._said.append(json.loads(line))
