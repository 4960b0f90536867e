"""A disk that can be made slow while programs run: a library loaded before theirs delays each sync."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from support.dials import Dial

SOURCE = Path(__file__).with_name("slow_disk.c")


def slow_disk(folder: Path) -> tuple[Dial | None, dict[str, str]]:
    """How much longer each sync takes, µs, and the environment of the programs that shall feel it; None and nothing
    where there is no C compiler.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        return None, {}
    library = folder / "slow_disk.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)
    dial = Dial(folder / "sync-delay")
    return dial, {"LD_PRELOAD": str(library), "SLOW_DISK": str(dial.path)}
