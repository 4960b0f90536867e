"""Run beside the tests (`support.run_folder`): when standard input ends, kill what they left and delete their files."""

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


def marked(marker: bytes) -> list[int]:
    """The processes that have it in the environment they were started with."""
    found = []
    for name in os.listdir("/proc"):
        with suppress(OSError):
            if name.isdigit() and marker in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                found.append(int(name))
    return found


def kill_all(marker: bytes) -> None:
    for _ in range(ROUNDS):
        left = marked(marker)
        if not left:
            return
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(ROUND_S)


def forget_memory(folder: str) -> None:
    """The segment of shared memory of each killed PostgreSQL: it stands in the seventh line of its postmaster.pid."""
    for file in Path(folder).glob("**/postmaster.pid"):
        with suppress(OSError, ValueError, IndexError):
            ctypes.CDLL(None).shmctl(int(file.read_text().splitlines()[6].split()[1]), REMOVE, None)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    said = sys.stdin.read()
    kill_all(sys.argv[1].encode())
    forget_memory(sys.argv[2])
    if said != "keep":
        shutil.rmtree(sys.argv[2], ignore_errors=True)
