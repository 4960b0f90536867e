"""Numbers that running programs look at: how far their clock is off, how slow their disk is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from struct import calcsize, pack, unpack

HELD = -1
"""A sync begins only when it no longer takes so long."""

FORMAT = "=q"
SIZE = calcsize(FORMAT)


class SharedNumber:
    """Eight bytes in a file, which programs map into their memory. They read 0 at first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(SIZE))
        path.chmod(0o644)  # PostgreSQL is another user

    def set(self, value: int) -> None:
        with self.path.open("r+b", buffering=0) as file:
            file.write(pack(FORMAT, value))

    def get(self) -> int:
        return unpack(FORMAT, self.path.read_bytes())[0]


def slow_disk(folder: Path) -> tuple[SharedNumber | None, dict[str, str]]:
    """How much longer each sync takes, µs, and the environment of programs that shall feel it, for it names a library
    that is loaded before theirs; None and nothing where there is no C compiler.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        return None, {}
    source, library = Path(__file__).with_name("slow_disk.c"), folder / "slow_disk.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    number = SharedNumber(folder / "sync-delay")
    return number, {"LD_PRELOAD": str(library), "SLOW_DISK": str(number.path)}
