"""The commands of docs/install.md for upgrades work in a clone with release tags and in one without."""

import re
import subprocess
from pathlib import Path

import pytest
from support.programs import installed
from support.programs.processes import ROOT

TEXT = (ROOT / "docs" / "install.md").read_text()
CHECKOUTS = re.findall(r"^ *(git .*)$", TEXT, re.MULTILINE)
WITH_TAGS, WITHOUT = re.search(r"`VERSION` is a release such as `(.+?)`.+lists none, use `(.+?)`", TEXT).groups()


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Rani", "-c", "user.email=rani@example.com")
    return subprocess.run(
        [installed.git(), *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.parametrize("version", [WITHOUT, WITH_TAGS])
def test_the_documented_checkout_reaches_the_new_version(tmp_path, version):
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    git(origin, "init", "--quiet")
    git(origin, "commit", "--quiet", "--allow-empty", "-m", "Old")
    git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    git(origin, "commit", "--quiet", "--allow-empty", "-m", "New")
    newest = git(origin, "rev-parse", "HEAD")
    if version == WITH_TAGS:
        git(origin, "tag", WITH_TAGS)
        git(origin, "commit", "--quiet", "--allow-empty", "-m", "Unreleased")
    (command,) = set(CHECKOUTS)
    subprocess.run(command.replace("VERSION", version), shell=True, cwd=clone, check=True, capture_output=True)
    assert git(clone, "rev-parse", "HEAD") == newest
