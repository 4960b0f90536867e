"""What the tests of the clients need beside Python: npm, and what the package is built with."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest
from react_page import PACKAGE

NO_NPM = "there is no npm on this machine: `make test` brings it"
NO_MODULES = "npm has not installed what the React package is built with: `make react` has it do so"
PATIENCE_S = 300

Npm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def npm() -> Npm:
    """`npm("run", "build")` in the folder of the React package. Without it the test is skipped; where nothing may be
    skipped (CI), it fails."""
    program = shutil.which("npm")
    missing = NO_NPM if program is None else None if (PACKAGE / "node_modules").exists() else NO_MODULES
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments], cwd=PACKAGE, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    return run
