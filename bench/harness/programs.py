"""Our own programs in C: compiled when their source has changed."""

from __future__ import annotations

import os
import shutil
import subprocess

from harness.folders import BENCH, CACHE

SOURCES = BENCH / "load"
PROGRAMS = CACHE / "programs"


def compiled(name: str) -> str:
    """The program made of load/<name>.c."""
    source, program, kept = SOURCES / f"{name}.c", PROGRAMS / name, PROGRAMS / f"{name}.c"
    if not (program.exists() and kept.exists() and kept.read_bytes() == source.read_bytes()):
        PROGRAMS.mkdir(parents=True, exist_ok=True)
        draft = PROGRAMS / f"{name}.{os.getpid()}"
        subprocess.run(["cc", "-O2", "-o", str(draft), str(source)], check=True, timeout=300)
        draft.replace(program)
        shutil.copyfile(source, kept)
    return str(program)
