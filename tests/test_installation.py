"""The version is the same wherever it is shown, and a checkout keeps to its own folder."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from koyjabo import installation
from koyjabo.cli import main

ROOT = Path(__file__).resolve().parents[1]
RELEASE = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", re.MULTILINE)


def test_newest_release_in_the_changelog_is_this_version():
    assert RELEASE.findall((ROOT / "CHANGELOG.md").read_text())[0] == installation.VERSION


def test_command_line_says_the_version():
    assert CliRunner().invoke(main, ["--version"]).output.split()[-1] == installation.VERSION


def test_checkout_finds_its_migrations_and_keeps_to_its_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert (installation.migrations(), installation.home()) == (ROOT / "migrations", ROOT)
