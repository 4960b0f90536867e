"""The React package by itself: its own tests, its types, its documentation."""

from __future__ import annotations

import re

import pytest
from support.package_fixtures import REACT

README = REACT / "README.md"
OPTIONS = REACT / "src" / "options.ts"
ENDINGS = REACT / "src" / "endings.ts"


@pytest.mark.parametrize("script", ["check", "test"])
def test_package_passes_its_own(npm, project, script):
    """After `project`, which builds what it stands on."""
    done = npm("run", script)
    assert done.returncode == 0, done.stdout + done.stderr


def test_readme_shows_the_example_that_is_tested():
    example = (REACT / "examples" / "CommunityPage.tsx").read_text()
    assert example in re.findall(r"```tsx\n(.*?)```", README.read_text(), re.DOTALL)


def test_readme_lists_every_option_and_no_other():
    listed = re.findall(r"^\| `(\w+)` \|", README.read_text(), re.MULTILINE)
    assert listed == re.findall(r"^  (\w+)\?:", OPTIONS.read_text(), re.MULTILINE)


def test_readme_lists_every_close_code_after_which_there_is_no_plain_retry():
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README.read_text(), re.MULTILINE)}
    assert listed == {int(code) for code in re.findall(r"\b(4\d{3})\b", ENDINGS.read_text())}


def test_lockfile_names_no_registry():
    """It would be that of the machine on which it was made."""
    assert '"resolved"' not in (REACT / "package-lock.json").read_text()
