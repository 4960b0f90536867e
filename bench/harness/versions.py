"""Another version of this server to compare with: the files of a commit, kept in the cache folder, and a Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path

import click
from packaging.requirements import Requirement

from harness import virtualenv
from harness.folders import CACHE, ROOT

FOLDER = CACHE / "versions"
ASSETS = ("koyjabo/static/vendor", "koyjabo/network/data/countries.mmdb")
"""Not in git, and the same for all versions that have a place for them."""

COMPILE = ("-m", "babel.messages.frontend", "--quiet", "compile", "-d", "koyjabo/translations")


@dataclass(frozen=True)
class Version:
    """`folder` is a checkout, and `python` has what it needs. Only its programs and its HTTP are the same as ours."""

    name: str
    folder: Path
    python: str

    @property
    def server(self) -> tuple[str, str]:
        return self.python, str(self.folder / "wsgi.py")


THIS = Version("this server", ROOT, sys.executable)


def at(commit: str) -> Version:
    """The version of a commit: exported once, with a virtual environment of its own if this one lacks its pins."""
    try:
        number = _git("rev-parse", "--verify", f"{commit}^{{commit}}").decode().strip()
    except subprocess.CalledProcessError:
        raise click.ClickException(f"there is no commit {commit}.") from None
    folder, name = FOLDER / number[:12], f"before ({number[:7]})"
    complete = folder / ".complete"
    if not complete.exists():
        shutil.rmtree(folder, ignore_errors=True)
        _export(number, folder)
    requirements, venv = folder / "requirements.txt", folder / ".venv"
    has_all = all(map(_is_installed, requirements.read_text().splitlines()))
    if not (has_all or venv.exists()):
        click.echo(f"installing what {name} pins", err=True)
        virtualenv.make(venv, requirements)
    python = sys.executable if has_all else str(venv / "bin" / "python")
    if not complete.exists():
        virtualenv.run(python, *COMPILE, cwd=folder)
        complete.touch()
    return Version(name, folder, python)


option = click.option(
    "--before",
    metavar="COMMIT",
    callback=lambda _context, _option, commit: at(commit) if commit else None,
    help="compare with the version of this commit, in turn",
)
"""Gives a Version or None."""


def _export(number: str, folder: Path) -> None:
    with tarfile.open(fileobj=BytesIO(_git("archive", "--format=tar", number))) as files:
        files.extractall(folder, filter="data")
    for asset in ASSETS:
        source, target = ROOT / asset, folder / asset
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.exists() and target.parent.is_dir():
            shutil.copyfile(source, target)


def _is_installed(line: str) -> bool:
    """Whether this Python has what a line of a requirements file pins."""
    pinned = line.partition("#")[0].strip()
    if not pinned:
        return True
    wanted = Requirement(pinned)
    try:
        return bool(wanted.marker and not wanted.marker.evaluate()) or version(wanted.name) in wanted.specifier
    except PackageNotFoundError:
        return False


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True).stdout
