"""Selects the server tests for `make test-changed`. pytest-testmon does not see what other processes execute."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.runs.durations import TESTS

STARTERS = {"new_server", "module_servers"}
"""Every server test uses one of these fixtures, directly or indirectly."""

ELSEWHERE = {
    "koyjabo/static": "browser",
    "koyjabo/templates": "browser",
    "migrations": "base/database",
    "config.py": "base/settings",
    "wsgi.py": "server",
}
"""Files whose tests are in a folder with a different name."""


def servers_of_changes(items: list[pytest.Item]) -> list[pytest.Item]:
    """The server tests in the folders of files that differ from the last commit."""
    folders = {folder for file in _changed_files() for folder in [_folder_of(file)] if folder}
    return [item for item in items if STARTERS & set(_fixtures(item)) and folders & {*item.path.parents}]


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])


def _changed_files() -> list[str]:
    """Changed files of the project, including untracked ones."""
    outputs = [
        subprocess.run(["git", *words], cwd=TESTS.parent, capture_output=True, text=True, check=True).stdout
        for words in (["diff", "--name-only", "HEAD"], ["ls-files", "--others", "--exclude-standard"])
    ]
    return "".join(outputs).splitlines()


def _folder_of(file: str) -> Path | None:
    """The nearest test folder that mirrors the file's folder, or None if it has no tests."""
    for start, folder in ELSEWHERE.items():
        if file.startswith(start):
            return TESTS / folder
    package = Path(file.removeprefix("koyjabo/")).parent
    if file.startswith("tests/support/") or (file.startswith("koyjabo/") and not package.name):
        return TESTS  # every test depends on it
    existing = [TESTS / folder for folder in (package, *package.parents) if folder.name and (TESTS / folder).is_dir()]
    return existing[0] if existing and file.startswith("koyjabo/") else None
