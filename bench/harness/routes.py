"""What routes that Flask answers cost beside Flask's own part, in this version and in another."""

from __future__ import annotations

import os
import subprocess

from harness.contenders import SERVERS
from harness.databases import Database
from harness.versions import Version

PATHS = ("/openapi.json", "/")
CALLS = 1000
PATIENCE_S = 120


def flask_us(version: Version, path: str, database: Database, core: int) -> float:
    """CPU of a call of the version's application in a process without a server, µs."""
    said = subprocess.run(
        ["taskset", "-c", str(core), version.python, str(SERVERS / "in_process.py"), path, str(CALLS)],
        cwd=version.folder,
        env={**os.environ, **database.env},
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    ).stdout
    return float(said.splitlines()[-1])
