"""Paths for the benchmarks, their C programs, which are recompiled when their source changes, and packages that only a
benchmark needs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

BENCH = Path(__file__).resolve().parents[1]
ROOT = BENCH.parent
CACHE = BENCH / ".cache"
RESULTS = BENCH / "results"
PATIENCE_S = 600
PROGRAMS = CACHE / "programs"


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one run, next to the checkout: a temporary folder may be in memory, where commits cost nothing."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=CACHE) as folder:
        yield Path(folder)


def compiled(name: str) -> str:
    """The path of the program compiled from load/<name>.c."""
    source, program, kept = BENCH / "load" / f"{name}.c", PROGRAMS / name, PROGRAMS / f"{name}.c"
    if not (program.exists() and kept.exists() and kept.read_bytes() == source.read_bytes()):
        PROGRAMS.mkdir(parents=True, exist_ok=True)
        draft = PROGRAMS / f"{name}.{os.getpid()}"
        subprocess.run(["cc", "-O2", "-o", str(draft), str(source)], check=True, timeout=300)
        draft.replace(program)
        shutil.copyfile(source, kept)
    return str(program)


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
