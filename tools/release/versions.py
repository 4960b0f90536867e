"""The files that contain the version of a release, which must agree."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from release.refusal import Refusal

VERSION = re.compile(r'^VERSION = "(.+)"$', re.MULTILINE)
ENTRY = re.compile(r"^## \[(.+?)\](?: - (\S+))?$", re.MULTILINE)
SOURCE = "koyjabo/base/core/installation.py"
NPM = ("clients/js/package.json", "clients/react/package.json", "clients/react/package-lock.json")


def versions(root: Path) -> dict[str, str]:
    """The version in each file that has one, by path."""
    match = VERSION.search((root / SOURCE).read_text())
    by_file = {SOURCE: match[1] if match else ""}
    by_file |= {name: str(json.loads((root / name).read_text())["version"]) for name in NPM}
    python = "clients/python/pyproject.toml"
    by_file[python] = tomllib.loads((root / python).read_text())["project"]["version"]
    by_file["CHANGELOG.md"] = next((entry for entry, _ in _entries(root) if entry != "Unreleased"), "")
    return by_file


def agreed_version(root: Path) -> str:
    """The version that all files agree on. Raises Refusal if they do not."""
    by_file = versions(root)
    if len(set(by_file.values())) > 1:
        lines = "\n".join(f"  {version or 'none'}  {name}" for name, version in by_file.items())
        raise Refusal(f"The versions differ. Set all of them to the version to be released:\n{lines}")
    return by_file[SOURCE]


def changes_without_release(root: Path) -> str:
    """The text below "Unreleased" in the changelog, or ""."""
    text = (root / "CHANGELOG.md").read_text()
    first, *later = ENTRY.finditer(text)
    if first[1] != "Unreleased":
        return ""
    return text[first.end() : later[0].start() if later else len(text)].strip()


def _entries(root: Path) -> list[tuple[str, str]]:
    """Version and date of each entry of the changelog, newest first."""
    return ENTRY.findall((root / "CHANGELOG.md").read_text())
