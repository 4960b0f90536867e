"""Programs that pip does not install."""

from __future__ import annotations

import os
import shutil

import pytest


class MissingProgram(pytest.skip.Exception):
    """A program, or the history, is missing. A long test fails then, and others are skipped (`support.runs.skips`)."""


def program(name: str, remedy: str = "`make tools` installs it") -> str:
    """The path of a program. Raises MissingProgram."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not path:
        raise MissingProgram(f"{name} is missing: {remedy}")
    return path


def git() -> str:
    """The path of git. Raises MissingProgram."""
    return program("git", "`apt-get install git` installs it")
