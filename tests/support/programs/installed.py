"""Programs that pip does not install."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str, remedy: str = "`make tools` installs it") -> str:
    """The path of a program. Skips the test if it is not installed."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not path:
        pytest.skip(f"{name} is missing: {remedy}")
    return path
