"""Programs that pip does not bring."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str, remedy: str) -> str:
    """Where it is. Without one the test is skipped; where nothing may be skipped (CI), it fails."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not found:
        skip = pytest.fail if os.environ.get("CI") else pytest.skip
        skip(f"there is no {name} on this machine: {remedy}")
    return found
