"""The folder of a run, for all that its tests write, and the end of all that they start.

A program of its own (`cleaner`) waits for the end of the run, however that comes. It then kills the processes
that have `MARKER` in their environment or work in the folder, and deletes it. The next run deletes those of ended runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

IN_MEMORY = Path("/dev/shm")
ENOUGH = 2 << 30
TABLES = Path(__file__).resolve().parents[3] / ".venv" / "hypothesis"
"""Of all characters, by category and encoding: Hypothesis takes seconds to make them."""

MARKER = "KOYJABO_TESTS_RUN"
CLEANER = Path(__file__).with_name("cleaner.py")
END_S = 30


class RunFolder:
    """In memory if there is room, else in the system's folder for temporary files. Its name has the pid of its run."""

    def __init__(self) -> None:
        parent, prefix = _parent(), f"koyjabo-tests-{os.getuid()}-"
        _delete_those_of_ended_runs(parent, prefix)
        self.path = parent / f"{prefix}{os.getpid()}"
        self.path.mkdir(mode=0o711)  # PostgreSQL has a user of its own where tests run as root
        os.environ["TMPDIR"] = str(self.path)
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(TABLES)
        tempfile.tempdir = None
        self._cleaner = subprocess.Popen(
            [sys.executable, "-I", "-S", CLEANER, f"{MARKER}={self.path.name}", self.path],
            cwd="/",
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        os.environ[MARKER] = self.path.name

    def close(self) -> None:
        """End what was started, and delete what was written."""
        assert self._cleaner.stdin is not None
        self._cleaner.stdin.close()
        self._cleaner.wait(END_S)


def _parent() -> Path:
    has_room = IN_MEMORY.is_dir() and os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ENOUGH
    return IN_MEMORY if has_room else Path(tempfile.gettempdir())


def _delete_those_of_ended_runs(parent: Path, prefix: str) -> None:
    for folder in parent.glob(f"{prefix}*"):
        if not _is_running(folder.name.removeprefix(prefix)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: str) -> bool:
    """Whether another process has it. That of this run had it from an earlier one."""
    return pid != str(os.getpid()) and Path(f"/proc/{pid}").exists()
