"""Temporary files for backups: a separate folder for each command that makes or fetches one, and files that get their
final name once they are complete on disk.
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
    """A new folder in `parent` that only its owner may enter (mode 0700), removed at the end with its contents.

    First removes what killed processes have left behind in `parent`. A process locks its folder to show that it is
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
def atomic_file(path: Path, folder: Path | None = None) -> Iterator[BinaryIO]:
    """A temporary file that is renamed to `path` once synced to disk, or deleted after an error. Only its owner may
    read it (mode 0600).

    It is created in `folder`, which must be on the same file system, or by default in the same folder as `path`. Raises
    OSError.
    """
    descriptor, name = tempfile.mkstemp(dir=folder or path.parent, prefix=f".{path.name}.")
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
    """Sync a folder's entries to disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked(parent: Path) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(dir=parent, prefix=PREFIX))
        with suppress(FileNotFoundError):  # until it is locked, another process may consider it abandoned
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            with suppress(OSError):  # on a file system without locks, nothing counts as abandoned
                fcntl.flock(lock, fcntl.LOCK_EX)
            if path.exists():
                return path, lock
            os.close(lock)


def _remove_abandoned(parent: Path) -> None:
    with os.scandir(parent) as entries:
        left = [entry for entry in entries if OURS.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)]
    for entry in left:
        with suppress(OSError):  # it belongs to another user or to a living process, or is being removed
            lock = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(entry.path, ignore_errors=True)
            finally:
                os.close(lock)
