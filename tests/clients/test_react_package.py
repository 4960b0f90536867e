"""The React package by itself: its tests, types and documentation."""

import re

import pytest
from support.programs.processes import ROOT

pytestmark = pytest.mark.long(proved_by="base/core/test_core.py::test_the_react_package_knows_every_code_of_a_refusal")

REACT = ROOT / "clients" / "react"
README = (REACT / "README.md").read_text()
OPTIONS, ENDINGS = ((REACT / "src" / f"{name}.ts").read_text() for name in ("options", "endings"))


@pytest.mark.parametrize("script", ["check", "test"])
def test_the_react_package_passes_its_own_checks_and_tests(npm, project, script):
    """Requires `project`, which builds its dependency."""
    done = npm("run", script)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_has_the_tested_example_and_lists_every_option_and_every_close_code():
    example = (REACT / "examples" / "CommunityPage.tsx").read_text()
    assert example in re.findall(r"```tsx\n(.*?)```", README, re.DOTALL)
    assert re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE) == re.findall(r"^  (\w+)\?:", OPTIONS, re.MULTILINE)
    listed = set(re.findall(r"^\| (\d+) \|", README, re.MULTILINE))
    assert listed == set(re.findall(r"\b(4\d{3})\b", ENDINGS)), "the codes without a plain retry"


def test_the_lockfile_names_no_registry():
    """It would be the registry used by the machine that generated the file."""
    assert '"resolved"' not in (REACT / "package-lock.json").read_text()
