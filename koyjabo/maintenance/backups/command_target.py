"""The program of BACKUP_COMMAND, which is given each backup."""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from koyjabo.maintenance.backups.places import BackupPlaceError

LIMIT_S = 3600.0
POLL_S = 0.1
LEADER = ("/bin/sh", "-c", "read nothing; kill -9 0")
TAIL = 4096
"""Bytes at the end of stderr, which have its last line."""

LONGEST_LINE = 300

LOGIN = re.compile(r"(?<=://)[^/\s@]+@")
"""Name and password in a URL, which viewers, mails and webhooks must not be told."""


class CommandTarget:
    """`command` is split as by a shell, and the path of the file is its last argument."""

    def __init__(self, command: str, limit_s: float = LIMIT_S) -> None:
        self._words = shlex.split(command)
        self._limit_s = limit_s

    def send(self, path: Path) -> None:
        """Run the program until it ends, for at most an hour. All that it has started ends with it.

        Raises BackupPlaceError for another status than 0, with the last line of stderr. Not for workers: it blocks.
        """
        with _process_group() as group, self._started(path, group) as process:
            try:
                line = _last_line(process, time.monotonic() + self._limit_s)
            finally:
                process.kill()
        if process.returncode == -signal.SIGKILL and line is None:
            raise BackupPlaceError(
                f"BACKUP_COMMAND was ended, because it took more than {self._limit_s / 60:,.0f} min."
            )
        if process.returncode:
            raise BackupPlaceError(
                f"BACKUP_COMMAND {_ended(process.returncode)}: {line or 'it wrote nothing to stderr'}."
            )

    def _started(self, path: Path, group: int) -> subprocess.Popen[bytes]:
        nothing = subprocess.DEVNULL
        files: dict[str, Any] = {"stdin": nothing, "stdout": nothing, "stderr": subprocess.PIPE}
        try:
            return subprocess.Popen([*self._words, str(path)], process_group=group, **files)
        except OSError as error:
            raise BackupPlaceError(f"BACKUP_COMMAND cannot be started: {error.strerror or error}.") from None


@contextmanager
def _process_group() -> Iterator[int]:
    """A process group that is killed at the end, and as soon as this process dies, however that happens: the leader of
    the group has a pipe of which only this process has the other end.
    """
    leader = subprocess.Popen(LEADER, stdin=subprocess.PIPE, process_group=0)
    try:
        yield leader.pid
    finally:
        os.killpg(leader.pid, signal.SIGKILL)
        leader.communicate()


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
    shown = "".join(filter(str.isprintable, last)).strip().rstrip(".")
    return LOGIN.sub("…@", shown)[-LONGEST_LINE:]


def _ended(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
