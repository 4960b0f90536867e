"""Earlier versions: the files of a commit in a folder, with the assets that are not in git."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from support.programs.installed import git
from support.programs.processes import ROOT

ASSETS = ("koyjabo/static/vendor", "koyjabo/base/network/data/countries.mmdb", "koyjabo/base/network/data/hosting.bin")
"""Assets that are the same in all versions that use them."""


def commit_named(name: str) -> str | None:
    """The hash of a commit, or None if this checkout does not have it. Raises MissingProgram without git."""
    command = (git(), "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}")
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip() or None


def export(commit: str, folder: Path) -> None:
    """Write a commit's files to `folder`, with the assets."""
    archive = subprocess.run((git(), "archive", "--format=tar", commit), cwd=ROOT, check=True, capture_output=True)
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(("tar", "-x", "-C", folder), input=archive.stdout, check=True)
    for asset in ASSETS:
        source, older = ROOT / asset, folder / asset.replace("/base/", "/")  # before there were areas
        target = folder / asset if (folder / asset).parent.is_dir() else older
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.exists() and target.parent.is_dir():
            shutil.copyfile(source, target)


def translate(folder: Path, python: str = sys.executable) -> None:
    """Compile the translations of an exported version."""
    words = ("-m", "babel.messages.frontend", "--quiet", "compile", "-d", "koyjabo/translations")
    subprocess.run((python, *words), cwd=folder, check=True, capture_output=True)
