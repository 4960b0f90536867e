"""A folder where the workers of a server add up what they count (`koyjabo.metrics`): new at each start, gone after."""

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


@contextmanager
def counting_folder() -> Iterator[None]:
    """Workers that are forked within find it in their environment. Where none can be made, each tells of itself."""
    os.environ.pop(VARIABLE, None)
    try:
        _remove_left_behind()
        folder = tempfile.mkdtemp(prefix=PREFIX)
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
    """For a worker that is born: somebody may have cleaned the folder away, and then it tells of itself alone."""
    if not Path(os.environ.get(VARIABLE) or "/nowhere").is_dir():
        os.environ.pop(VARIABLE, None)


def _remove_left_behind() -> None:
    """Those of servers that were killed, which nobody holds the lock of."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        with suppress(OSError), lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
