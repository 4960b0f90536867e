"""A folder where the workers of a server add up what they count (`koyjabo.metrics`): new at each start, gone after.

What is there is mapped into memory, by prometheus-client without asking for room: the first write to a page for which
the disk has none ends a process (SIGBUS). So the folder is in memory where it can be, and every file in it has all its
room before anybody maps it. It relies on prometheus-client (0.26.0) naming its files like this, and leaving the size of
those that are there as it is.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX, LOCK = "koyjabo-counts-", "lock"
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
IN_MEMORY = "/dev/shm"
KINDS = ("counter", "histogram")
SIZE = 64 * 1024
"""Bytes, for each kind and worker; `koyjabo.metrics` counts nothing without an end, so that they are enough."""


@contextmanager
def counting_folder() -> Iterator[None]:
    """Workers that are forked within find it in their environment. Where none can be made, each tells of itself."""
    os.environ.pop(VARIABLE, None)
    try:
        _remove_left_behind()
        folder = tempfile.mkdtemp(prefix=PREFIX, dir=_place())
        lock = (Path(folder) / LOCK).open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)  # for as long as the parent or any of its workers lives
    except OSError:
        yield
        return
    os.environ[VARIABLE] = folder
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def keep_if_there() -> None:
    """For a worker that is born: it tells of itself alone where somebody has cleaned the folder away, or where there is
    no room for what it would write there.
    """
    folder = Path(os.environ.get(VARIABLE) or "/nowhere")
    try:
        for kind in KINDS:
            _reserve(folder / f"{kind}_{os.environ['KOYJABO_WORKER']}.db")
    except OSError:
        os.environ.pop(VARIABLE, None)


def _reserve(file: Path) -> None:
    """Make a file with all its room, unless the worker before this one has. Raises OSError, and then there is none."""
    if file.exists():
        return
    draft = file.with_suffix(".draft")  # the others read whatever has the right name
    try:
        with draft.open("wb") as made:
            os.posix_fallocate(made.fileno(), 0, SIZE)
        draft.replace(file)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _place() -> str:
    """TMPDIR, where the operator has said so."""
    if "TMPDIR" not in os.environ and os.access(IN_MEMORY, os.W_OK | os.X_OK):
        return IN_MEMORY
    return tempfile.gettempdir()


def _remove_left_behind() -> None:
    """Those of servers that were killed, which nobody holds the lock of."""
    for lock in Path(_place()).glob(f"{PREFIX}*/{LOCK}"):
        with suppress(OSError), lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
