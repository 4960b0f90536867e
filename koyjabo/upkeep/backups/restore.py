"""Restores a backup, even into the other kind of database.

Needs an application context. All functions raise LedgerUnavailable, UnusableDatabase, and Unusable for a problem
with the file.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from reprlib import repr as shown
from typing import Any

from koyjabo.base.core.clock import Clock, iso
from koyjabo.base.core.errors import Unusable
from koyjabo.base.core.extensions import db
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.core.runtime import ReportProgress
from koyjabo.base.database import engine
from koyjabo.base.database.engine import exclusive_transaction
from koyjabo.base.database.models import Counter
from koyjabo.base.database.revisions import NEWEST_REVISION, REVISIONS
from koyjabo.base.models import SITE
from koyjabo.people.audit import log
from koyjabo.upkeep.backup_record_queries import RESTORE_ACTION
from koyjabo.upkeep.recounts.recount_queries import newest_id, recount
from koyjabo.upkeep.recounts.recounts import LEDGER_SUBJECT, PAIRS_REASON
from koyjabo.upkeep.recounts.repair_queries import repair
from . import backup_file, backup_queries, restore_queries
from .backup_file import ANOTHER_BACKUP, MAX_MOMENT_MS, Head, TablePiece
from .folder import BackupFolder

MAX_NAMED_PROBLEMS = 5

BYTE_ORDER_REVISION = "0041"
"""Backups of earlier schemas may have rows with the same key (decision 132)."""


def restore_file(path: Path, overwrite: bool, clock: Clock, progress: ReportProgress) -> Head:
    """Replace the contents of the database with a backup. Begins a new epoch, so that servers and pages accept the
    numbers. Runs in one transaction that ends with a recount, while servers wait. Ends all login sessions and
    invitations.

    Raises Unusable for a database that contains data, unless `overwrite` is set.
    """
    head = backup_file.head(path)
    _require_known(head)
    with engine.translated_errors(), engine.snapshot() as connection:
        _require_unused(connection, overwrite)  # before the whole file is read, which may take minutes
    _check(path, head, progress)
    with engine.translated_errors(), exclusive_transaction() as connection:
        _require_unused(connection, overwrite)
        before = backup_queries.counter_state(connection)
        restore_queries.clear(connection)
        separated = insert(connection, path, head, progress, separates=head.schema < BYTE_ORDER_REVISION)
        by = log.actor(OPERATOR, clock)
        restore_queries.begin_epoch(connection, before, by.at_ms, f"restored a backup of {iso(head.made_ms)}")
        by.entry(RESTORE_ACTION, LEDGER_SUBJECT, made_at=iso(head.made_ms), total=head.total).store(connection)
        with progress(newest_id(connection, "visits"), "Recounting") as advance:
            if separated:
                repair(connection, clock, advance, None, PAIRS_REASON)
            problems = recount(connection, advance).problems
        if problems:
            shown = "; ".join(problems[:MAX_NAMED_PROBLEMS])
            raise Unusable(f"The ledger in the backup is inconsistent, so nothing was restored: {shown}.")
    return head


def insert(connection: Any, path: Path, head: Head, progress: ReportProgress, separates: bool = False) -> int:
    """Insert all rows of a backup into empty tables. Returns how many were separated from others with the same key, if
    `separates` is set. Raises Unusable, possibly only after the last row.
    """
    separated = 0
    with progress(sum(head.rows.values()), "Restoring") as advance:
        for piece in backup_file.pieces(path):
            table = _table(piece)
            with _fitting(piece):
                separated += restore_queries.insert_rows(connection, table, piece.columns, piece.rows, separates)
            advance(len(piece.rows))
    return separated


def _require_unused(connection: Any, overwrite: bool) -> None:
    if restore_queries.is_used(connection) and not overwrite:
        raise Unusable(
            "This database already contains data, which the restore would delete. Back it up and use --force to "
            "replace it, or set DATABASE_URL to an empty database."
        )


def _check(path: Path, head: Head, progress: ReportProgress) -> None:
    """Read and check the whole file, before the database is locked."""
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


def _require_known(head: Head) -> None:
    """Raise Unusable for a schema or a table that this version does not know."""
    if head.schema.isdecimal() and head.schema > NEWEST_REVISION:
        raise Unusable(
            f"The backup was made by a newer version of this program (its schema is {shown(head.schema)}, and this "
            f"version has {NEWEST_REVISION}). Restore it with that version."
        )
    if head.schema not in REVISIONS:
        raise Unusable(f"The backup has an unknown schema, {shown(head.schema)}. {ANOTHER_BACKUP}")
    if unknown := head.rows.keys() - db.metadata.tables.keys():
        if head.schema < NEWEST_REVISION:
            raise _outdated(shown(min(unknown)))
        raise Unusable(f"The backup has an unknown table, {shown(min(unknown))}. {ANOTHER_BACKUP}")


def _require_same_numbers(head: Head, counters: Sequence[dict[str, Any]]) -> None:
    """Raise Unusable unless the counters in the backup have the numbers of its head, and possible revisions."""
    total = next((counter["total"] for counter in counters if counter["scope"] == SITE), None)
    epoch = max((counter["epoch"] for counter in counters), default=None)
    if (total, epoch) != (head.total, head.epoch):
        raise Unusable(f"The total {head.total} or the epoch {head.epoch} differs from the rows. {ANOTHER_BACKUP}")
    if any(counter["revision"] > MAX_MOMENT_MS for counter in counters):
        raise Unusable(f"A counter in the backup has an impossible revision. {ANOTHER_BACKUP}")


def _table(piece: TablePiece) -> Any:
    """The table these rows belong to. The backup may lack columns added by a newer version if they have a default."""
    table = restore_queries.fitting(piece.table, piece.columns)
    if table is None:
        raise _outdated(piece.table)
    with _fitting(piece):
        restore_queries.require_fitting(table, piece.columns, piece.rows)
    return table


def _outdated(table: str) -> Unusable:
    return Unusable(
        f"This version of the program cannot restore the table {table} in the backup. Restore it with the "
        "older version that made it, then let this version migrate the database."
    )


@contextmanager
def _fitting(piece: TablePiece) -> Iterator[None]:
    try:
        yield
    except ValueError:
        raise Unusable(
            f"The backup is damaged or was changed: rows of the table {piece.table} cannot be stored."
        ) from None


def source_of(argument: str) -> Path:
    """The file that `koyjabo restore` names: `argument` itself or, if it is a folder, the newest verified backup in it.
    Raises Unusable.
    """
    if not Path(argument).is_dir():
        return Path(argument)
    try:
        names = BackupFolder(Path(argument)).names()
    except OSError as error:
        raise Unusable(f"The folder {argument} cannot be read: {error.strerror}.") from None
    if not names:
        raise Unusable(f"There is no backup in {argument}. Check the folder.")
    return Path(argument, names[-1])
