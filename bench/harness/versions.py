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

DONE = ".complete"
TRANSLATE = ("-m", "babel.messages.frontend", "--quiet", "compile", "-d", "koyjabo/translations")
COMPILE = ("-m", "compileall", "-q", "koyjabo", "migrations", "config.py", "wsgi.py")
"""Or its starts would, and ours not."""


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
    if not (folder / DONE).exists():
        shutil.rmtree(folder, ignore_errors=True)
        _export(number, folder)
    python = _python(folder, name)
    if not (folder / DONE).exists():
        virtualenv.run(python, *TRANSLATE, cwd=folder)
        virtualenv.run(python, *COMPILE, cwd=folder)
        (folder / DONE).touch()
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


def _python(folder: Path, name: str) -> str:
    """This one, or that of a virtual environment in the folder if this one lacks something."""
    requirements, venv = folder / "requirements.txt", folder / ".venv"
    if all(map(_is_installed, requirements.read_text().splitlines())):
        return sys.executable
    if not (venv / DONE).exists():
        click.echo(f"installing what {name} pins", err=True)
        shutil.rmtree(venv, ignore_errors=True)
        virtualenv.make(venv, requirements)
        (venv / DONE).touch()
    return str(venv / "bin" / "python")


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
