"""The folder of a test run, and the cleanup after it.

A separate program (`cleaner`) waits until the run ends, however that happens. It then deletes the folder and kills
processes that have `MARKER` in their environment or work in the folder. The next run deletes any folders left over.
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
"""Hypothesis's Unicode tables, which take seconds to build."""

MARKER = "KOYJABO_TESTS_RUN"
CLEANER = Path(__file__).with_name("cleaner.py")
END_S = 30


class RunFolder:
    """The folder of a run, in memory if there is room, otherwise in the system's temporary folder. Its name contains
    the run's pid.
    """

    def __init__(self) -> None:
        parent, prefix = _parent(), f"koyjabo-tests-{os.getuid()}-"
        _delete_those_of_ended_runs(parent, prefix)
        self.path = parent / f"{prefix}{os.getpid()}"
        self.path.mkdir(mode=0o711)  # PostgreSQL runs as another user if the tests run as root
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
        """End all started processes, and delete the files."""
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
    """Whether another process has this pid. A folder named after our own pid is left over from an earlier run."""
    return pid != str(os.getpid()) and Path(f"/proc/{pid}").exists()
