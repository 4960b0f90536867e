"""The product's tables, made by the product's own migrations."""

from __future__ import annotations

import os
import subprocess
import sys

from harness.folders import ROOT

MIGRATE = "from koyjabo import create_app; create_app()"
PATIENCE_S = 60


def migrate(env: dict[str, str]) -> None:
    """Bring the database that `env` names up to date, in a process of its own."""
    subprocess.run([sys.executable, "-c", MIGRATE], cwd=ROOT, env={**os.environ, **env}, check=True, timeout=PATIENCE_S)
