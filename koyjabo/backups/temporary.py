"""Files that are not whole yet: a folder of its own for each command that makes or fetches a backup, and files that get
their name when they are on the disk.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PREFIX = ".koyjabo-backup-"
OURS = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}", re.ASCII)


@contextmanager
def working_folder(parent: Path) -> Iterator[Path]:
    """A new folder in `parent` that only its owner may enter (mode 0700), removed at the end with all that is in it.

    Removes what killed processes left in `parent` first. A process has its folder locked, so that others know it is
    alive. Raises OSError.
    """
    _remove_abandoned(parent)
    path, lock = _locked(parent)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


@contextmanager
def atomic_file(path: Path, beside: Path | None = None) -> Iterator[BinaryIO]:
    """A temporary file that is renamed to `path` when it is synced to disk, and deleted after an error. Only its owner
    may read it (mode 0600). It is made in the folder `beside`, of the same file system; without one, in that of `path`.
    Raises OSError.
    """
    descriptor, name = tempfile.mkstemp(dir=beside or path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked(parent: Path) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(dir=parent, prefix=PREFIX))
        with suppress(FileNotFoundError):  # until it is locked, another process may take it for abandoned
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            with suppress(OSError):  # a file system without locks, where nothing is ever taken for abandoned
                fcntl.flock(lock, fcntl.LOCK_EX)
            if path.exists():
                return path, lock
            os.close(lock)


def _remove_abandoned(parent: Path) -> None:
    with os.scandir(parent) as entries:
        left = [entry for entry in entries if OURS.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)]
    for entry in left:
        with suppress(OSError):  # it is another user's, a living process has it, or another one removes it
            lock = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(entry.path, ignore_errors=True)
            finally:
                os.close(lock)
