"""The folder of a test run, and the cleanup after it.

This file is also a program, which waits until the run ends, however that happens, and its standard input closes. It
then kills processes that have `MARKER` in their environment or work in the folder, and deletes the folder. The next run
deletes any folders left over.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

IN_MEMORY = Path("/dev/shm")
ENOUGH = 2 << 30
PLAIN = re.compile(r"[\w./-]{1,30}", re.ASCII)
"""Names of folders for sockets, whose paths may have 107 bytes, and for PostgreSQL's options, which have no spaces."""

TABLES = Path(__file__).resolve().parents[3] / ".venv" / "hypothesis"
"""Hypothesis's Unicode tables, which take seconds to build."""

MARKER = "KOYJABO_TESTS_RUN"
END_S = 30
ROUNDS, ROUND_S = 100, 0.05
DELETED = " (deleted)"
"""At the end of a folder's name in /proc. Another run that starts now may have deleted the folder of an ended run."""

REMOVE = 0  # IPC_RMID of shmctl(2)


class RunFolder:
    """The folder of a run, in memory if there is room. Its name contains the run's pid."""

    def __init__(self) -> None:
        parent, prefix = _parent(), f"koyjabo-tests-{os.getuid()}-"
        _delete_those_of_ended_runs(parent, prefix)
        self.path = parent / f"{prefix}{os.getpid()}"
        self.path.mkdir(mode=0o711)  # PostgreSQL runs as another user if the tests run as root
        os.environ["TMPDIR"] = str(self.path)
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(TABLES)
        tempfile.tempdir = None
        self._cleaner = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, f"{MARKER}={self.path.name}", self.path],
            cwd="/",
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        os.environ[MARKER] = self.path.name

    def close(self) -> None:
        """End all started processes, and delete the files."""
        assert self._cleaner.stdin is not None
        self._cleaner.stdin.close()
        self._cleaner.wait(END_S)


def _parent() -> Path:
    has_room = IN_MEMORY.is_dir() and os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ENOUGH
    usual = tempfile.gettempdir()
    return IN_MEMORY if has_room else Path(usual if PLAIN.fullmatch(usual) else "/tmp")


def _delete_those_of_ended_runs(parent: Path, prefix: str) -> None:
    for folder in parent.glob(f"{prefix}*"):
        if not _is_running(folder.name.removeprefix(prefix)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: str) -> bool:
    """Whether another process has this pid. A folder named after our own pid is left over from an earlier run."""
    return pid != str(os.getpid()) and Path(f"/proc/{pid}").exists()


def left_over(marker: bytes, folder: str) -> list[int]:
    """Processes that have the marker in their environment, which some overwrite, or work in the folder."""
    pids = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            works_in = os.readlink(f"/proc/{name}/cwd").removesuffix(DELETED)
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
