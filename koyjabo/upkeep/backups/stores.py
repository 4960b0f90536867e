"""Stores for backups: folders and bucket prefixes. Both use the same file names. Also temporary files: a separate
folder for each command that makes or fetches a backup, and files that get their final name once they are complete.
"""

import errno
import fcntl
import os
import re
import secrets
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.runtime import Advance
from koyjabo.base.settings.backup_stores import s3_url
from koyjabo.base.settings.schema import Settings

FOLDER, BUCKET = "folder", "bucket"

NAME = re.compile(r"koyjabo-\d{8}T\d{6}Z-[0-9a-f]{8}\.backup", re.ASCII)
"""Names that the program generates. In alphabetical order, the oldest backup comes first."""

COPY_BYTES = 1 << 20
"""Bytes copied at a time."""

ADVICE = {
    errno.ENOTDIR: "Choose a folder.",
    errno.EACCES: "Give write access to the user that runs the program.",
    errno.EPERM: "Give write access to the user that runs the program.",
    errno.EROFS: "Mount it as writable, or choose another folder.",
    errno.ENOSPC: "Free up space on its disk, or keep fewer backups (BACKUP_KEEP).",
    errno.EDQUOT: "Free up space on its disk, or keep fewer backups (BACKUP_KEEP).",
}


class BackupStoreError(KoyJaboError):
    """A backup store does not work. The message gives the reason and what to do about it."""


class BackupStore(Protocol):
    """Keeps backups under names made by `new_name`, and ignores other files. All methods block, and raise
    BackupStoreError. `advance` is called with the number of bytes transferred.
    """

    def names(self) -> list[str]:
        """Names of the backups, oldest first."""

    def size(self, name: str) -> int:
        """Size of a backup, bytes."""

    def put(self, path: Path, name: str, advance: Advance) -> None:
        """Store a copy of the file `path` under this name. The copy appears once it is complete."""

    def fetch(self, name: str, path: Path, advance: Advance) -> None:
        """Write a backup to `path`. After an error, `path` contains part of it."""

    def remove(self, name: str) -> None:
        """Remove a backup. Idempotent."""


def shown(settings: Settings) -> list[tuple[str, str]]:
    """The kind and location of each store in the settings, for display, without the region."""
    stores = []
    if settings.backup_dir:
        stores.append((FOLDER, settings.backup_dir))
    if settings.backup_to:
        place, endpoint = settings.backup_to.partition("?")[0], s3_url(settings.backup_to).endpoint
        stores.append((BUCKET, f"{place} ({urlsplit(endpoint).hostname})" if endpoint else place))
    return stores


def restore_argument(settings: Settings, name: str) -> str:
    """The `koyjabo restore` argument for this backup, quoted for a shell; "" if no store is set. Prefers the bucket,
    because it survives the loss of the disk.
    """
    if settings.backup_to:
        parts = urlsplit(settings.backup_to)
        return shlex.quote(parts._replace(path=f"{parts.path.rstrip('/')}/{name}").geturl())
    return shlex.quote(f"{settings.backup_dir.rstrip('/')}/{name}") if settings.backup_dir else ""


def new_name(made_ms: int) -> str:
    """A name for a backup made at this time (ms since 1970), such as koyjabo-20261124T033000Z-4f2a91c7.backup."""
    made = datetime.fromtimestamp(made_ms // 1000, UTC)
    return f"koyjabo-{made:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}.backup"


def rotate(store: BackupStore, keep: int, proven: str) -> None:
    """Remove all backups except the newest `keep` and the last verified one. Call this right after that backup was
    verified.
    """
    for name in store.names()[:-keep]:
        if name != proven:
            store.remove(name)


class Folder:
    """BackupStore in an existing folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        with translated_errors(self.path), os.scandir(self.path) as entries:
            return sorted(entry.name for entry in entries if NAME.fullmatch(entry.name) and entry.is_file())

    def size(self, name: str) -> int:
        with translated_errors(self.path):
            return (self.path / name).stat().st_size

    def put(self, path: Path, name: str, advance: Advance) -> None:
        with translated_errors(self.path):
            with suppress(OSError), path.open("rb") as file:  # on another file system, the file has to be copied
                os.fsync(file.fileno())
                os.link(path, self.path / name)  # takes no disk space
                sync_folder(self.path)
                return advance(path.stat().st_size)
            with working_folder(self.path) as folder, atomic_file(self.path / name, folder) as file:
                _copy(path, file, advance)

    def fetch(self, name: str, path: Path, advance: Advance) -> None:
        with written(path) as file:
            _copy(self.path / name, file, advance)

    def remove(self, name: str) -> None:
        with translated_errors(self.path):
            (self.path / name).unlink(missing_ok=True)


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """Open a file to fetch a backup into. Only its owner may read it. Raises BackupStoreError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with translated_errors(path.parent), open(os.open(path, flags, 0o600), "wb") as file:
        yield file


@contextmanager
def translated_errors(folder: Path) -> Iterator[None]:
    """Turn OSError into BackupStoreError, with advice about this folder."""
    try:
        yield
    except FileNotFoundError as error:
        if not folder.is_dir():
            raise BackupStoreError(f"The folder {folder} does not exist. Create it or choose another.") from None
        raise BackupStoreError(f"The folder {folder} has no file {Path(str(error.filename)).name}.") from None
    except OSError as error:
        advice = ADVICE.get(error.errno or 0, "Check its disk, or choose another folder.")
        reason = error.strerror or error
        raise BackupStoreError(f"The folder {folder} cannot be used: {reason}. {advice}") from None


def _copy(path: Path, to: BinaryIO, advance: Advance) -> None:
    for piece in pieces(path, COPY_BYTES, advance):
        to.write(piece)


def pieces(path: Path, size: int, advance: Advance) -> Iterator[bytes]:
    """Yield the contents of a file, `size` bytes at a time. Raises BackupStoreError."""
    with translated_errors(path.parent), path.open("rb") as file:
        while piece := file.read(size):
            yield piece
            advance(len(piece))


FOLDER_PREFIX = ".koyjabo-backup-"
OUR_FOLDERS = re.compile(re.escape(FOLDER_PREFIX) + r"[a-z0-9_]{8}", re.ASCII)


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
        path = Path(tempfile.mkdtemp(dir=parent, prefix=FOLDER_PREFIX))
        with suppress(FileNotFoundError):  # until it is locked, another process may consider it abandoned
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            with suppress(OSError):  # on a file system without locks, nothing counts as abandoned
                fcntl.flock(lock, fcntl.LOCK_EX)
            if path.exists():
                return path, lock
            os.close(lock)


def _remove_abandoned(parent: Path) -> None:
    with os.scandir(parent) as entries:
        left = [entry for entry in entries if OUR_FOLDERS.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)]
    for entry in left:
        with suppress(OSError):  # it belongs to another user or to a living process, or is being removed
            lock = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(entry.path, ignore_errors=True)
            finally:
                os.close(lock)
