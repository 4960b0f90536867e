"""Transfers backups to and from stores named in commands and settings: s3://bucket/prefix?…, or a folder path."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.runtime import ReportProgress
from koyjabo.base.settings.backup_stores import INSTALL, SCHEME, S3Url, s3_url
from koyjabo.upkeep.backups import backup
from koyjabo.upkeep.backups.backup_file import Head, UnusableBackup
from koyjabo.upkeep.backups.stores import (
    BackupStore,
    BackupStoreError,
    Folder,
    new_name,
    translated_errors,
    working_folder,
)

VARIABLE = "TMPDIR"
MORE_ROOM = f"Free up space there, or set {VARIABLE} to a folder with more."
MORE_ROOM_HERE = "Free up space there, or choose another folder."
DISK_FOLDER = "/var/tmp"
"""A folder that is usually on a disk, while /tmp may be in memory."""


def store_of(url: str) -> BackupStore:
    """The store for a URL or path. Raises BackupStoreError. Do not call this in workers, because it may load
    obstore.
    """
    return _bucket(_parsed(url)) if _is_s3(url) else Folder(Path(url))


def send(url: str, clock: Clock, progress: ReportProgress) -> tuple[str, Head]:
    """Back up to a store, and return the backup's name there. Raises BackupStoreError and what `backup.back_up`
    raises.
    """
    store = store_of(url)
    store.names()  # fails early if the store does not work
    name = new_name(clock.now_ms())
    is_here = isinstance(store, Folder)
    with work_in(Path(url) if is_here else temporary_folder(0)) as folder:
        try:
            head = backup.write(folder / name, clock, progress)
        except UnusableBackup as error:
            raise BackupStoreError(f"{error} {MORE_ROOM_HERE if is_here else MORE_ROOM}") from None
        with progress((folder / name).stat().st_size, "Sending") as advance:
            store.put(folder / name, name, advance)
    backup.record(head, clock)
    return name, head


@contextmanager
def fetched(source: str, progress: ReportProgress) -> Iterator[tuple[Path, str]]:
    """Yield a backup's file and name: `source` itself or, if it ends in `/`, the latest backup there. A downloaded file
    is removed at the end of the context. Raises BackupStoreError.
    """
    if not _is_s3(source):
        name = str(Path(source, _newest(source))) if source.endswith("/") else source
        yield Path(name), name
        return
    url = _parsed(source)
    if not url.path or url.path.endswith("/"):
        store, name = _bucket(url), _newest(source)
    else:
        prefix, _, name = url.path.rpartition("/")
        store = _bucket(url._replace(path=prefix))
    size = store.size(name)
    parent = temporary_folder(size)
    with work_in(parent) as folder:
        with progress(size, "Fetching") as advance:
            store.fetch(name, folder / "fetched.backup", advance)
        yield folder / "fetched.backup", name


def temporary_folder(size: int, on_disk: str = "") -> Path:
    """A folder with room for `size` bytes: TMPDIR, otherwise /var/tmp, `on_disk` or /tmp. Raises BackupStoreError."""
    given = os.environ.get(VARIABLE)
    folders = [given] if given else [*filter(None, (DISK_FOLDER, on_disk)), tempfile.gettempdir()]
    room = {folder: shutil.disk_usage(folder).free for folder in folders if os.access(folder, os.W_OK | os.X_OK)}
    if not room:
        raise BackupStoreError(f"Files cannot be written to {' or '.join(folders)}. Set {VARIABLE} to another folder.")
    for folder, free in room.items():
        if free >= size:
            return Path(folder)
    folder, free = max(room.items(), key=lambda item: item[1])
    megabytes, missing = size / 1_000_000, (size - free) / 1_000_000
    raise BackupStoreError(
        f"The backup is {megabytes:,.1f} MB, which is {missing:,.1f} MB more than {folder} has room for. {MORE_ROOM}"
    )


@contextmanager
def work_in(parent: Path) -> Iterator[Path]:
    """A working folder in `parent`. Raises BackupStoreError."""
    with ExitStack() as stack:
        with translated_errors(parent):
            folder = stack.enter_context(working_folder(parent))
        yield folder


def _newest(url: str) -> str:
    names = store_of(url).names()
    if not names:
        raise BackupStoreError(f"There is no backup under {url}. Check the folder or prefix.")
    return names[-1]


def _is_s3(url: str) -> bool:
    return url.startswith(f"{SCHEME}://")


def _parsed(url: str) -> S3Url:
    try:
        return s3_url(url)
    except ValueError as error:
        raise BackupStoreError(f"{url} {error}.") from None


def _bucket(url: S3Url) -> BackupStore:
    try:
        from koyjabo.upkeep.backups.bucket_store import BucketStore
    except ImportError:
        raise BackupStoreError(f"s3://{url.bucket} needs a package that is not installed: {INSTALL}.") from None
    return BucketStore(url)
