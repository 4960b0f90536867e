"""Programs that pip does not bring."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str, remedy: str) -> str:
    """Where it is. Without one the test is skipped."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not found:
        pytest.skip(f"there is no {name} on this machine: {remedy}")
    return found
