"""The program of BACKUP_COMMAND, which is given each backup."""

from __future__ import annotations

import ctypes
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from koyjabo.maintenance.backups.places import BackupPlaceError

LIMIT_S = 3600.0
POLL_S = 0.1
PR_SET_PDEATHSIG = 1
TAIL = 4096
"""Bytes at the end of stderr, which have its last line."""

LONGEST_LINE = 300


class CommandTarget:
    """`command` is split as by a shell, and the path of the file is its last argument."""

    def __init__(self, command: str, limit_s: float = LIMIT_S) -> None:
        self._words = shlex.split(command)
        self._limit_s = limit_s

    def send(self, path: Path) -> None:
        """Run the program until it ends, for at most an hour. All that it has started ends with it.

        Raises BackupPlaceError for another status than 0, with the last line of stderr. Not for workers: it blocks.
        """
        try:
            process = subprocess.Popen(
                [*self._words, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                process_group=0,
                preexec_fn=_death_with_parent(),
            )
        except OSError as error:
            raise BackupPlaceError(f"BACKUP_COMMAND cannot be started: {error.strerror or error}.") from None
        with process:
            try:
                line = _last_line(process, time.monotonic() + self._limit_s)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        if process.returncode == -signal.SIGKILL and line is None:
            raise BackupPlaceError(
                f"BACKUP_COMMAND was ended, because it took more than {self._limit_s / 60:,.0f} min."
            )
        if process.returncode:
            raise BackupPlaceError(
                f"BACKUP_COMMAND {_ended(process.returncode)}: {line or 'it wrote nothing to stderr'}."
            )


def _last_line(process: subprocess.Popen[bytes], deadline: float) -> str | None:
    """What the program wrote to stderr last, when it has ended; None at the deadline. Others may still have stderr."""
    assert process.stderr is not None
    tail = b""
    while time.monotonic() < deadline:
        has_ended = process.poll() is not None
        tail, is_closed = _read(process.stderr, tail, 0 if has_ended else POLL_S)
        if has_ended:
            return _line(tail)
        if is_closed:
            time.sleep(POLL_S)
    return None


def _read(stderr: IO[bytes], tail: bytes, wait_s: float) -> tuple[bytes, bool]:
    """The newest end of what was written, and whether there will be no more."""
    while select.select([stderr], [], [], wait_s)[0]:
        more = os.read(stderr.fileno(), TAIL)
        if not more:
            return tail, True
        tail = (tail + more)[-TAIL:]
        wait_s = 0
    return tail, False


def _line(tail: bytes) -> str:
    lines = tail.decode(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return "".join(filter(str.isprintable, last)).strip().rstrip(".")[-LONGEST_LINE:]


def _ended(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"


def _death_with_parent() -> Callable[[], None] | None:
    """For the new process: a backup that is killed takes the program along."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
