"""The folder BACKUP_DIR. What is known about a backup is in its name and in the first line of its file."""

import fcntl
import os
import re
import secrets
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from koyjabo.base.core import own_files
from koyjabo.base.core.errors import BackupUnderWay, Unusable
from koyjabo.base.settings.schema import Settings
from koyjabo.counting.earlier_total import EarlierTotal
from . import backup_file

VERIFIED_ENDING, UNVERIFIED_ENDING = ".backup", ".unverified"
"""Endings of the names of complete backups: restored and recounted, or not."""

BACKUP_NAME = re.compile(rf"koyjabo-(\d{{8}}T\d{{6}}Z)-[0-9a-f]{{8}}({VERIFIED_ENDING}|{UNVERIFIED_ENDING})", re.ASCII)
"""Names that the program generates. In alphabetical order, the oldest backup comes first."""

TIME_IN_NAME = "%Y%m%dT%H%M%SZ"
MAX_SHOWN_BACKUPS = 200
"""Maximum number of backups whose files are read."""

LOCK_FILE, WORK_FOLDER = ".koyjabo-backup.lock", ".koyjabo-backup"
"""The file that is locked while a backup runs, and the folder with its temporary files."""

LOCK_ATTEMPTS, LOCK_PAUSE_S = 5, 0.1

BACKUP_TOTALS = {"backups": lambda settings: newest_total(settings)}


class BackupFile(NamedTuple):
    """A complete backup in the folder."""

    name: str
    made_ms: int
    bytes: int
    total: int | None  # None for a damaged file
    is_verified: bool


class BackupFolder:
    """A folder with backups. Methods block, and raise OSError. Other files there are ignored."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self, ending: str = VERIFIED_ENDING) -> list[str]:
        """Names of the backups with this ending, oldest first."""
        with os.scandir(self.path) as entries:
            names = [entry.name for entry in entries if BACKUP_NAME.fullmatch(entry.name) and entry.is_file()]
        return sorted(name for name in names if name.endswith(ending))

    def files(self) -> list[BackupFile]:
        """The newest backups, newest first, at most MAX_SHOWN_BACKUPS."""
        files = []
        for name in self.names("")[: -MAX_SHOWN_BACKUPS - 1 : -1]:
            with suppress(FileNotFoundError):  # another process has just removed or renamed it
                files.append(self._file(name))
        return files

    def _file(self, name: str) -> BackupFile:
        path, total = self.path / name, None
        with suppress(Unusable):
            total = backup_file.head(path).total
        size = path.stat().st_size
        return BackupFile(name, made_ms(name), size, total, total is not None and name.endswith(VERIFIED_ENDING))

    def remedy(self) -> str:
        """The command that makes all backups readable for this user; "" if they are."""
        if all(os.access(self.path / name, os.R_OK) for name in self.names("")):
            return ""
        return f"chown -R {os.geteuid()}:{os.getegid()} {shlex.quote(str(self.path))}"

    def rotate(self, keep: int, verified: str) -> None:
        """Remove all verified backups except the newest `keep` and `verified`, which was verified last."""
        for name in self.names()[:-keep]:
            if name != verified:
                (self.path / name).unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[Path]:
        """Yield an empty folder for temporary files, which is removed at the end. What a killed process has left there
        is removed first. Raises BackupUnderWay while another process has the lock.
        """
        with open(own_files.open_lock(self.path / LOCK_FILE), "rb") as lock:
            _lock(lock)
            work = self.path / WORK_FOLDER
            shutil.rmtree(work, ignore_errors=True)
            own_files.make_folder(work)
            try:
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)

    def is_locked(self) -> bool:
        """Whether a process is making a backup."""
        try:
            with (self.path / LOCK_FILE).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # no backup was ever made, or the file system has no locks
            pass
        return False


def newest_total(settings: Settings) -> EarlierTotal | None:
    """The total of the newest verified backup in BACKUP_DIR."""
    with suppress(OSError):
        folder = BackupFolder(Path(settings.backup_dir))
        for name in reversed(folder.names() if settings.backup_dir else []):
            with suppress(Unusable):
                return EarlierTotal(backup_file.head(folder.path / name).total, shlex.quote(str(folder.path / name)))
    return None


def _lock(lock: BinaryIO) -> None:
    """Lock the file. Waits if `is_locked` holds the lock for a moment."""
    for attempts_left in reversed(range(LOCK_ATTEMPTS)):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not attempts_left:
                raise BackupUnderWay from None
            time.sleep(LOCK_PAUSE_S)
        except OSError:
            return  # the file system has no locks
        else:
            return


def new_name(now_ms: int) -> str:
    """A name without its ending for a backup made at this time (ms since 1970): koyjabo-20261124T033000Z-4f2a91c7."""
    return f"koyjabo-{datetime.fromtimestamp(now_ms // 1000, UTC):{TIME_IN_NAME}}-{secrets.token_hex(4)}"


def made_ms(name: str) -> int:
    """When a backup with a generated name was made, ms since 1970."""
    return int(datetime.strptime(name.split("-")[1], TIME_IN_NAME).replace(tzinfo=UTC).timestamp()) * 1000


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
            own_files.give(descriptor, path)
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
