"""Programs that pip does not install."""

from __future__ import annotations

import os
import shutil

import pytest


class MissingProgram(pytest.skip.Exception):
    """A program is not installed. A long test fails then, and others are skipped (`support.runs.skips`)."""


def program(name: str, remedy: str = "`make tools` installs it") -> str:
    """The path of a program. Raises MissingProgram."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not path:
        raise MissingProgram(f"{name} is missing: {remedy}")
    return path
