"""Backs up a snapshot of the whole database to a file, and restores it, even into the other kind of database.

Needs an application context. All functions raise LedgerUnavailable, UnusableDatabase, and Unusable for a problem
with the file.

Transfers backups to and from stores named in commands and settings: s3://bucket/prefix?…, or a folder path.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from reprlib import repr as shown
from typing import Any, BinaryIO

from koyjabo.base.core.clock import Clock, iso
from koyjabo.base.core.errors import KoyJaboError, Unusable
from koyjabo.base.core.extensions import db
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.core.runtime import ReportProgress
from koyjabo.base.database import engine
from koyjabo.base.database.engine import exclusive_transaction
from koyjabo.base.database.startup_queries import NEWEST_REVISION, REVISIONS
from koyjabo.base.models import SITE, Counter
from koyjabo.base.settings.backup_stores import INSTALL, SCHEME, S3Url, s3_url
from koyjabo.people.audit import log
from koyjabo.upkeep.recounts.recount_queries import newest_id, recount
from koyjabo.upkeep.recounts.recounts import LEDGER
from . import backup_file, backup_queries
from .backup_file import ANOTHER, LATEST_MS, BackupWriter, Head, TablePiece
from .stores import (
    BackupStore,
    BackupStoreError,
    Folder,
    atomic_file,
    new_name,
    translated_errors,
    working_folder,
)

logger = logging.getLogger(__name__)

BACKUP = "ledger.backup"
"""Action in the audit log."""

log.CHANGES |= {
    "backup.begin": N_("Backup started"),
    "backup.download": N_("Backup downloaded"),
    BACKUP: N_("Backup made"),
    "ledger.restore": N_("Backup restored"),
}

MAX_PROBLEMS = 5
SYNC_EVERY = 4 << 20
"""How much is written between two syncs, bytes. A single sync at the end would make the server's commits wait for the
whole file.
"""


def back_up(path: Path, overwrite: bool, clock: Clock, progress: ReportProgress) -> Head:
    """Write a snapshot of everything to `path`, and record the backup.

    Raises Unusable if the file exists and `overwrite` is False, or if it cannot be written.
    """
    if path.exists() and not overwrite:
        raise Unusable(f"{path} already exists. Choose another name, or use --force to replace it.")
    head = write(path, clock, progress)
    record(head, clock)
    return head


def write(
    path: Path,
    clock: Clock,
    progress: ReportProgress,
    snapshot: Callable[[], AbstractContextManager[Any]] = engine.snapshot,
) -> Head:
    """Write a snapshot of everything to `path`.

    Running servers do not wait. The file appears when it is complete, and only its owner may read it (mode 0600).
    Raises Unusable if it cannot be written.
    """
    with engine.translated_errors(), snapshot() as connection:
        try:
            with atomic_file(path) as file:
                return write_to(file, connection, clock, progress)
        except OSError as error:
            raise Unusable(f"{path} cannot be written: {error.strerror or error}.") from None


def write_to(file: BinaryIO, connection: Any, clock: Clock, progress: ReportProgress) -> Head:
    """Like `write`, but write to an open file. Raises OSError."""
    head, writer, synced = _head(connection, clock), BackupWriter(file), 0
    with progress(sum(head.rows.values()), "Backing up") as advance:
        writer.head(head)
        for table in backup_queries.tables():
            writer.table(table.name, [column.name for column in table.columns])
            for rows in backup_queries.rows(connection, table):
                writer.rows(rows)
                advance(len(rows))
                if file.tell() - synced >= SYNC_EVERY:
                    file.flush()
                    os.fsync(file.fileno())
                    synced = file.tell()
        writer.end()
    return head


def record(head: Head, clock: Clock) -> None:
    """Store that a backup was made, so that warnings know its age. A failure is only logged, because the file is
    complete.
    """
    entry = log.actor(OPERATOR, clock).entry(BACKUP, LEDGER, rows=sum(head.rows.values()), total=head.total)
    try:
        with engine.translated_errors(), engine.exclusive(db.engine.url) as session:
            entry.store(session)
    except KoyJaboError as error:
        logger.warning("backup_not_recorded cause=%r", str(error.__cause__ or error))


def restore(path: Path, overwrite: bool, clock: Clock, progress: ReportProgress) -> Head:
    """Replace the contents of the database with a backup. Begins a new epoch, so that servers and pages accept the
    numbers. Runs in one transaction that ends with a recount, while servers wait. Ends all login sessions and
    invitations.

    Raises Unusable for a database that contains data, unless `overwrite` is set.
    """
    head = _checked(path, progress)
    with engine.translated_errors(), exclusive_transaction() as connection:
        if backup_queries.is_used(connection) and not overwrite:
            raise Unusable(
                "This database already contains data, which the restore would delete. Back it up and use --force to "
                "replace it, or set DATABASE_URL to an empty database."
            )
        before = backup_queries.counter_state(connection)
        backup_queries.clear(connection)
        insert(connection, path, head, progress)
        by = log.actor(OPERATOR, clock)
        backup_queries.begin_epoch(connection, before, by.at_ms, f"restored a backup of {iso(head.made_ms)}")
        by.entry("ledger.restore", LEDGER, made_at=iso(head.made_ms), total=head.total).store(connection)
        with progress(newest_id(connection, "visits"), "Recounting") as advance:
            problems = recount(connection, advance).problems
        if problems:
            shown = "; ".join(problems[:MAX_PROBLEMS])
            raise Unusable(f"The ledger in the backup is inconsistent, so nothing was restored: {shown}.")
    return head


def insert(connection: Any, path: Path, head: Head, progress: ReportProgress) -> None:
    """Insert all rows of a backup into empty tables. Raises Unusable, possibly only after the last row."""
    with progress(sum(head.rows.values()), "Restoring") as advance:
        for piece in backup_file.pieces(path):
            table = _table(piece)
            with _fitting(piece):
                backup_queries.insert_rows(connection, table, piece.columns, piece.rows)
            advance(len(piece.rows))


def _head(connection: Any, clock: Clock) -> Head:
    rows = {table.name: backup_queries.count(connection, table) for table in backup_queries.tables()}
    state = backup_queries.counter_state(connection)
    return Head(NEWEST_REVISION, clock.now_ms(), state.epoch, backup_queries.total(connection), rows)


def _checked(path: Path, progress: ReportProgress) -> Head:
    """Read and check the whole file, before the database is locked."""
    head = backup_file.head(path)
    _require_known(head)
    unfit: Unusable | None = None
    counters = []
    with progress(sum(head.rows.values()), "Checking") as advance:
        for piece in backup_file.pieces(path):
            try:
                if _table(piece) is Counter.__table__:
                    counters += [dict(zip(piece.columns, row, strict=True)) for row in piece.rows]
            except Unusable as error:  # a damaged file can cause any error; its end reveals the damage
                unfit = unfit or error
            advance(len(piece.rows))
    if unfit is not None:
        raise unfit
    _require_same_numbers(head, counters)
    return head


def _require_known(head: Head) -> None:
    """Raise Unusable for a schema or a table that this version does not know."""
    if head.schema.isdecimal() and head.schema > NEWEST_REVISION:
        raise Unusable(
            f"The backup was made by a newer version of this program (its schema is {shown(head.schema)}, and this "
            f"version has {NEWEST_REVISION}). Restore it with that version."
        )
    if head.schema not in REVISIONS:
        raise Unusable(f"The backup has an unknown schema, {shown(head.schema)}. {ANOTHER}")
    if unknown := head.rows.keys() - db.metadata.tables.keys():
        raise Unusable(f"The backup has an unknown table, {shown(min(unknown))}. {ANOTHER}")


def _require_same_numbers(head: Head, counters: Sequence[dict[str, Any]]) -> None:
    """Raise Unusable unless the counters in the backup have the numbers of its head, and possible revisions."""
    total = next((counter["total"] for counter in counters if counter["scope"] == SITE), None)
    epoch = max((counter["epoch"] for counter in counters), default=None)
    if (total, epoch) != (head.total, head.epoch):
        raise Unusable(f"The total {head.total} or the epoch {head.epoch} differs from the rows. {ANOTHER}")
    if any(counter["revision"] > LATEST_MS for counter in counters):
        raise Unusable(f"A counter in the backup has an impossible revision. {ANOTHER}")


def _table(piece: TablePiece) -> Any:
    """The table these rows belong to. The backup may lack columns added by a newer version if they have a default."""
    table = backup_queries.fitting(piece.table, piece.columns)
    if table is None:
        raise Unusable(
            f"This version of the program cannot restore the table {piece.table} in the backup. Restore it with the "
            "older version that made it, then let this version migrate the database."
        )
    with _fitting(piece):
        backup_queries.require_fitting(table, piece.columns, piece.rows)
    return table


@contextmanager
def _fitting(piece: TablePiece) -> Iterator[None]:
    try:
        yield
    except ValueError:
        raise Unusable(
            f"The backup is damaged or was changed: rows of the table {piece.table} cannot be stored."
        ) from None


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
            head = write(folder / name, clock, progress)
        except Unusable as error:
            raise BackupStoreError(f"{error} {MORE_ROOM_HERE if is_here else MORE_ROOM}") from None
        with progress((folder / name).stat().st_size, "Sending") as advance:
            store.put(folder / name, name, advance)
    record(head, clock)
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
        from .bucket_store import BucketStore
    except ImportError:
        raise BackupStoreError(f"s3://{url.bucket} needs a package that is not installed: {INSTALL}.") from None
    return BucketStore(url)
