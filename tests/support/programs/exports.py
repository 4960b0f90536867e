"""Earlier versions: the files of a commit in a folder, with the assets that are not in git."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

from support.programs.processes import ROOT

ASSETS = ("koyjabo/static/vendor", "koyjabo/base/network/data/countries.mmdb", "koyjabo/base/network/data/hosting.bin")
"""Assets that are the same in all versions that use them."""


def commit_named(name: str) -> str | None:
    """The hash of a commit, or None if this checkout does not have it."""
    done = subprocess.run(
        ("git", "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}"), cwd=ROOT, capture_output=True, text=True
    )
    return done.stdout.strip() or None


def export(commit: str, folder: Path) -> None:
    """Write a commit's files to `folder`, with the assets."""
    archive = subprocess.run(("git", "archive", "--format=tar", commit), cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
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
