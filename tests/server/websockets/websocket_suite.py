"""The cases of Autobahn's test suite for WebSocket servers, run against a server of ours that echoes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support.assertions.agreement import Agreement
from support.databases.database import SqliteDatabase
from support.programs.processes import ROOT
from support.servers.server import Server

SECTIONS = {
    "1": "messages",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragments",
    "6": "UTF-8",
    "7": "close handshake",
    "10": "fragments in pieces",
}
"""The sections of the suite. The others have large messages and compression, which we refuse."""

ACCEPTED = ("OK", "INFORMATIONAL")
"""Verdicts of the suite. NON-STRICT counts as wrong."""


def agreements() -> Iterator[Agreement]:
    results = _results()
    for section, what in SECTIONS.items():
        judged = ((case, _mistake(result)) for case, result in results.items() if case.split(".")[0] == section)
        yield Agreement.of(f"WebSocket: {what}", "kosoku", judged)


def _mistake(result: dict[str, Any]) -> str:
    verdicts = (result["behavior"], result["behaviorClose"])
    return next((verdict.lower() for verdict in verdicts if verdict not in ACCEPTED), "")


def _results() -> dict[str, dict[str, Any]]:
    """The result of each case, by its name. The suite runs in another process, because importing it replaces a module
    of another package (`pkg_resources`).
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(SqliteDatabase.migrated(folder / "echo.db"), folder)
        server.program = (str(ROOT / "tests/support/servers/echo_app.py"),)
        server.start()
        try:
            cases = [word for section in SECTIONS for word in ("--include", f"{section}.*")]
            program = (str(Path(sys.executable).with_name("kosoku")), f"127.0.0.1:{server.port}")
            # The status is 1 if a case fails; the report has its name.
            subprocess.run(
                [*program, "--parallelism", "8", "--outdir", folder, *cases], capture_output=True, check=False
            )
        finally:
            server.kill()
        (results,) = json.loads((folder / "index.json").read_text()).values()
        return dict(results)
