"""Packages that only a benchmark needs, in the cache folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import click

from harness.folders import CACHE

PATIENCE_S = 600


def installed(lock: Path) -> Path:
    """Install the packages of a package-lock.json or requirements.txt on first use. Returns their folder.

    Raises OSError or CalledProcessError.
    """
    folder = CACHE / lock.parent.name / lock.stem
    done = folder / "installed"
    if done.exists() and done.read_bytes() == lock.read_bytes():
        return folder
    click.echo(f"installing {lock.parent.name}/{lock.name}", err=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if lock.suffix == ".json":
        for name in ("package.json", lock.name, ".npmrc"):
            shutil.copyfile(lock.parent / name, folder / name)
        command = ["npm", "ci", "--silent", "--prefix", str(folder)]
    else:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)]
        command += ["--target", str(folder)]
    subprocess.run(command, check=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL)
    shutil.copyfile(lock, done)
    return folder
