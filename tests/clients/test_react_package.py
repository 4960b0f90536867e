"""The React package by itself: its own tests, its types, its documentation."""

from __future__ import annotations

import re

import pytest
from react_page import PACKAGE

README = PACKAGE / "README.md"
OPTIONS = PACKAGE / "src" / "options.ts"
ENDINGS = PACKAGE / "src" / "endings.ts"


@pytest.mark.parametrize("script", ["check", "test"])
def test_package_passes_its_own(npm, script):
    done = npm("run", script)
    assert done.returncode == 0, done.stdout + done.stderr


def test_readme_shows_the_example_that_is_tested():
    example = (PACKAGE / "examples" / "CommunityPage.tsx").read_text()
    assert example in re.findall(r"```tsx\n(.*?)```", README.read_text(), re.DOTALL)


def test_readme_lists_every_option_and_no_other():
    listed = re.findall(r"^\| `(\w+)` \|", README.read_text(), re.MULTILINE)
    assert listed == re.findall(r"^  (\w+)\?:", OPTIONS.read_text(), re.MULTILINE)


def test_readme_lists_every_close_code_after_which_there_is_no_plain_retry():
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README.read_text(), re.MULTILINE)}
    assert listed == {int(code) for code in re.findall(r"\b(4\d{3})\b", ENDINGS.read_text())}


def test_lockfile_names_no_registry():
    """It would be that of whoever made it."""
    assert '"resolved"' not in (PACKAGE / "package-lock.json").read_text()
