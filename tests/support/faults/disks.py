"""Small disks, and slow ones."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.faults.shared_numbers import SharedNumber


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


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path | None]:
    """Mount a disk of `size` at `folder`, or yield None if this user may not."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=False, capture_output=True)
    if mounted.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)
