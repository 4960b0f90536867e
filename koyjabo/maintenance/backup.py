"""Backups: all there is in the database, as of one moment, in a file that either kind of database can be restored from.

Needs an application context. Everything raises LedgerUnavailable, UnusableDatabase, and UnusableBackup where the file
is to blame.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from koyjabo.audit import log
from koyjabo.clock import Clock, iso
from koyjabo.database import engine
from koyjabo.database.exclusive import exclusive_transaction
from koyjabo.database.startup_queries import NEWEST_REVISION
from koyjabo.errors import KoyJaboError
from koyjabo.extensions import db
from koyjabo.identity import OPERATOR
from koyjabo.maintenance import backup_file, backup_queries
from koyjabo.maintenance.backup_file import Head, Piece, UnusableBackup
from koyjabo.maintenance.recount_job import LEDGER
from koyjabo.maintenance.recount_queries import newest_id, recount
from koyjabo.runtime import Advance, ReportProgress
from koyjabo.visit_log.import_queries import only_one

MOST_PROBLEMS = 5


class TargetInUse(KoyJaboError):
    """What is there would be lost, and nobody said that it may be."""


def back_up(path: Path, overwrite: bool, clock: Clock, progress: ReportProgress) -> Head:
    """Write everything to `path`, as of this moment, in the way of no server that runs meanwhile.

    The file is there when it is whole, and not before; only its owner may read it. Raises InTheWay where there is one
    already, UnusableBackup where it cannot be written.
    """
    if path.exists() and not overwrite:
        raise TargetInUse(f"{path} is there already. Give the backup another name, or --force to replace it.")
    with engine.translated_errors(), engine.snapshot() as connection:
        head = _head(connection, clock)
        with _written_whole(path) as file, progress(sum(head.rows.values()), "Backing up") as advance:
            _write(connection, file, head, advance)
    return head


def restore(path: Path, overwrite: bool, clock: Clock, progress: ReportProgress) -> Head:
    """Put what a backup holds in place of all there is in the database, in a new epoch, which servers and pages follow.

    In one transaction, which ends with a recount: servers wait for it and go on, or nothing was changed. Nobody is
    logged in afterwards. Raises InTheWay for a database that is in use, unless it may be lost.
    """
    head = _checked(path, progress)
    with engine.translated_errors(), _to_be_replaced() as connection:
        if backup_queries.is_used(connection) and not overwrite:
            raise TargetInUse(
                "This database is in use: restoring would delete what it holds. Back it up, and say --force to "
                "replace it, or let DATABASE_URL name an empty one."
            )
        before = backup_queries.standing(connection)
        backup_queries.clear(connection)
        with progress(sum(head.rows.values()), "Restoring") as advance:
            for piece in backup_file.pieces(path):
                backup_queries.put(connection, _table(piece), piece.columns, piece.rows)
                advance(len(piece.rows))
        by = log.actor(OPERATOR, clock)
        backup_queries.begin_anew(connection, before, by.at_ms, f"restored a backup of {iso(head.made_ms)}")
        by.entry("ledger.restore", LEDGER, made_at=iso(head.made_ms), total=head.total).store(connection)
        _recount(connection, progress)
    return head


@contextmanager
def _to_be_replaced() -> Iterator[Any]:
    """Nobody writes, and no import puts its second half into what is restored."""
    with only_one(db.engine.url) as no_import:
        if not no_import:
            raise TargetInUse(
                "An import or another restore is running on this database. Run this restore after it has finished."
            )
        with exclusive_transaction() as connection:
            yield connection


def _head(connection: Any, clock: Clock) -> Head:
    rows = {table.name: backup_queries.count(connection, table) for table in backup_queries.tables()}
    standing = backup_queries.standing(connection)
    return Head(NEWEST_REVISION, clock.now_ms(), standing.epoch, backup_queries.total(connection), rows)


def _write(connection: Any, file: BinaryIO, head: Head, advance: Advance) -> None:
    writer = backup_file.Writer(file)
    writer.head(head)
    for table in backup_queries.tables():
        writer.table(table.name, [column.name for column in table.columns])
        for some in backup_queries.rows(connection, table):
            writer.rows(some)
            advance(len(some))
    writer.end()


@contextmanager
def _written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file beside `path` that takes its place when all of it is on the disk, and is gone if that fails."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # for its owner alone
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
        _sync(path.parent)
    except OSError as error:
        raise UnusableBackup(f"{path} cannot be written: {error.strerror or error}.") from None


def _sync(folder: Path) -> None:
    """So that the name is on the disk as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _checked(path: Path, progress: ReportProgress) -> Head:
    """Read all of it once before anybody has to wait."""
    head = backup_file.head(path)
    if head.schema > NEWEST_REVISION:
        raise UnusableBackup(
            f"A newer version of this program made the backup (revision {head.schema}, and this one knows "
            f"{NEWEST_REVISION}). Restore it with that version."
        )
    with progress(sum(head.rows.values()), "Checking") as advance:
        for piece in backup_file.pieces(path):
            _table(piece)
            advance(len(piece.rows))
    return head


def _table(piece: Piece) -> Any:
    """Where its rows belong. An older version's tables may lack columns, as long as those can be left out."""
    table = backup_queries.fitting(piece.table, piece.columns)
    if table is None:
        raise UnusableBackup(
            f"The backup has a table {piece.table} that this version of the program cannot take. Restore it with the "
            "version that made it, which is older, and let this one bring the database up to date."
        )
    return table


def _recount(connection: Any, progress: ReportProgress) -> None:
    with progress(newest_id(connection, "visits"), "Recounting") as advance:
        problems = recount(connection, advance).problems
    if problems:
        raise UnusableBackup(
            "The backup holds a ledger that does not agree with itself, so nothing was restored: "
            f"{'; '.join(problems[:MOST_PROBLEMS])}."
        )
