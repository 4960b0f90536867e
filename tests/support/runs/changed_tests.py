"""The tests of servers that `make test-changed` runs: pytest-testmon does not see what other processes execute."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.runs.durations import TESTS

STARTERS = {"new_server", "module_servers"}
"""Every test of a server takes one of these fixtures, if only by way of others."""

ELSEWHERE = {
    "koyjabo/static": "browser",
    "koyjabo/templates": "browser",
    "migrations": "database",
    "config.py": "settings",
    "wsgi.py": "server",
}
"""What has its tests in a folder of another name."""


def servers_of_changes(items: list[pytest.Item]) -> list[pytest.Item]:
    """The tests of servers in the folders of what differs from the last commit."""
    folders = {folder for file in _changed_files() for folder in [_folder_of(file)] if folder}
    return [item for item in items if STARTERS & set(_fixtures(item)) and folders & {*item.path.parents}]


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])


def _changed_files() -> list[str]:
    """Of the whole project, also those that git does not know yet."""
    said = [
        subprocess.run(["git", *words], cwd=TESTS.parent, capture_output=True, text=True, check=True).stdout
        for words in (["diff", "--name-only", "HEAD"], ["ls-files", "--others", "--exclude-standard"])
    ]
    return "".join(said).splitlines()


def _folder_of(file: str) -> Path | None:
    """The nearest one that mirrors that of the file; None for what has no tests of its own."""
    for start, folder in ELSEWHERE.items():
        if file.startswith(start):
            return TESTS / folder
    package = Path(file.removeprefix("koyjabo/")).parent
    if file.startswith("tests/support/") or (file.startswith("koyjabo/") and not package.name):
        return TESTS  # everything rests on it
    found = [TESTS / each for each in (package, *package.parents) if each.name and (TESTS / each).is_dir()]
    return found[0] if found and file.startswith("koyjabo/") else None
