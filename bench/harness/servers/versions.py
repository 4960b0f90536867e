"""An earlier version of the server to compare with: the files of a commit, kept in the cache folder, and a Python
interpreter.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
from support.programs.exports import commit_named, export, translate

from harness.folders import CACHE, ROOT

COMPILE = ("-m", "compileall", "-q", "koyjabo", "migrations", "config.py", "wsgi.py")
"""Compiles an earlier version's modules; otherwise its startup would compile them, and ours would not."""


@dataclass(frozen=True)
class Version:
    """A checkout in `folder`, and a `python` with its packages. Only its programs and its HTTP interface match ours."""

    name: str
    folder: Path
    python: str

    @property
    def server(self) -> tuple[str, str]:
        return self.python, str(self.folder / "wsgi.py")


THIS = Version("this server", ROOT, sys.executable)


def at(commit: str) -> Version:
    """The version at a commit, exported once, with a virtual environment if it pins other packages."""
    number = commit_named(commit)
    if number is None:
        raise click.ClickException(f"there is no commit {commit}.")
    folder = CACHE / "versions" / number[:12]
    python, done = folder / ".venv" / "bin" / "python", folder / ".complete"

    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        export(number, folder)
        if (folder / "requirements.txt").read_text() != (ROOT / "requirements.txt").read_text():
            click.echo(f"installing what {number[:7]} pins", err=True)
            _run(sys.executable, "-m", "venv", str(folder / ".venv"))
            _run(str(python), "-m", "pip", "install", "--quiet", "-r", str(folder / "requirements.txt"))
        path = str(python) if python.exists() else sys.executable
        translate(folder, path)
        _run(path, *COMPILE, cwd=folder)
        done.touch()
    return Version(f"before ({number[:7]})", folder, str(python) if python.exists() else sys.executable)


option = click.option(
    "--before",
    metavar="COMMIT",
    callback=lambda _context, _option, commit: at(commit) if commit else None,
    help="compare with the version of this commit, in alternating rounds",
)
"""Parses the option into a Version, or None."""


def _run(*command: str, cwd: Path = ROOT) -> bytes:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, timeout=600).stdout
