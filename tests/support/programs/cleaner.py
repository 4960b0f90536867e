"""Runs alongside the tests (see `run_folder`). When its standard input closes, it kills their remaining processes and
deletes their files.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

ROUNDS, ROUND_S = 100, 0.05
REMOVE = 0
"""IPC_RMID of shmctl(2)."""


def left_over(marker: bytes, folder: str) -> list[int]:
    """Processes that have the marker in their environment or work in the folder. Both are checked, because some
    processes overwrite their environment.
    """
    pids = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            works_in = os.readlink(f"/proc/{name}/cwd")
            is_marked = marker in Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
            if is_marked or works_in == folder or works_in.startswith(f"{folder}/"):
                pids.append(int(name))
    return pids


def kill_all(marker: bytes, folder: str) -> None:
    for _ in range(ROUNDS):
        left = left_over(marker, folder)
        if not left:
            return
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(ROUND_S)


def forget_memory(folder: str) -> None:
    """Remove the shared memory of killed PostgreSQL servers. Its id is on line 7 of postmaster.pid."""
    for file in Path(folder).glob("**/postmaster.pid"):
        with suppress(OSError, ValueError, IndexError):
            ctypes.CDLL(None).shmctl(int(file.read_text().splitlines()[6].split()[1]), REMOVE, None)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, marker, folder = sys.argv
    sys.stdin.read()
    kill_all(marker.encode(), folder)
    forget_memory(folder)
    shutil.rmtree(folder, ignore_errors=True)
