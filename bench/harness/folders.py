"""Paths for the benchmarks, and their C programs, which are recompiled when their source changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1]
ROOT = BENCH.parent
CACHE = BENCH / ".cache"
RESULTS = BENCH / "results"
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
