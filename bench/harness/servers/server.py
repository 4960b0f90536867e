"""Servers under test. Each runs on its own cores and is always stopped."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.programs.service import Service

from harness.folders import ROOT
from harness.servers import process_figures

PROBE = "/healthz"
JSON = {"Content-Type": "application/json"}
Answer = tuple[int, bytes, Mapping[str, str]]
"""Status, body and headers of a response."""


class Server(Service):
    """An HTTP server on 127.0.0.1. `pid` is its root process.

    `core` is one or more cores, in taskset's format; `folder` is the version's folder. PORT is set to `port`.
    """

    start_s, stop_s = 40.0, 12.0

    def __init__(
        self, command: Sequence[str], settings: Mapping[str, str], core: int | str, logs: Path, folder: Path = ROOT
    ) -> None:
        super().__init__(logs)
        self.working_folder = folder
        self.environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **settings, "PORT": str(self.port)}
        self._command = ("taskset", "-c", str(core), *command)

    def command(self) -> Sequence[str]:
        return self._command

    @property
    def worker(self) -> int:
        """The process that responds: the first child, or the only process."""
        return (self.workers or [self.pid])[0]

    @property
    def workers(self) -> list[int]:
        """All descendants."""
        return process_figures.tree(self.pid)[1:]

    def ask(
        self,
        method: str,
        path: str,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 5,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read(), response.headers
        finally:
            connection.close()

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None, timeout_s: float = 5) -> Answer:
        """Send `body` as JSON."""
        return self.ask("POST", path, json.dumps(body), {**JSON, **(headers or {})}, timeout_s)

    def _answers(self) -> bool:
        """Whether the server sends any HTTP response."""
        try:
            return super()._answers() and bool(self.ask("GET", PROBE))
        except (OSError, http.client.HTTPException):
            return False
