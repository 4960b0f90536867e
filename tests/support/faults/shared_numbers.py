"""Numbers that running programs read, such as their clock offset and disk delay."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from struct import calcsize, pack, unpack

HELD = -1
"""Value that blocks a sync until the number changes."""

FORMAT = "=q"
SIZE = calcsize(FORMAT)


class SharedNumber:
    """Eight bytes in a file that programs map into memory. The initial value is 0."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(SIZE))
        path.chmod(0o644)  # PostgreSQL runs as another user

    def set(self, value: int) -> None:
        with self.path.open("r+b", buffering=0) as file:
            file.write(pack(FORMAT, value))

    def get(self) -> int:
        return unpack(FORMAT, self.path.read_bytes())[0]


def slow_disk(folder: Path) -> tuple[SharedNumber | None, dict[str, str]]:
    """A shared number that sets the extra µs for each sync, and environment variables that preload a library into the
    affected programs. Returns None and no variables if there is no C compiler.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        return None, {}
    source, library = Path(__file__).with_name("slow_disk.c"), folder / "slow_disk.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    number = SharedNumber(folder / "sync-delay")
    return number, {"LD_PRELOAD": str(library), "SLOW_DISK": str(number.path)}
