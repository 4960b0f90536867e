"""Our own programs in C and Go: compiled when their source has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from harness.folders import BENCH, CACHE

SOURCES = BENCH / "load"
PROGRAMS = CACHE / "programs"
COMPILERS = {".c": ("cc", "-O2"), ".go": ("go", "build")}
PATIENCE_S = 300


def compiled(source: Path) -> Path:
    """The program made of this file."""
    program, kept = PROGRAMS / source.stem, PROGRAMS / source.name
    if not (program.exists() and kept.exists() and kept.read_bytes() == source.read_bytes()):
        PROGRAMS.mkdir(parents=True, exist_ok=True)
        draft = PROGRAMS / f"{source.stem}.{os.getpid()}"
        subprocess.run([*COMPILERS[source.suffix], "-o", str(draft), str(source)], check=True, timeout=PATIENCE_S)
        draft.replace(program)
        shutil.copyfile(source, kept)
    return program
