"""Recognises that a SQLite database was lost or emptied (specification: A lost SQLite file)."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from koyjabo.base.core.errors import UnusableDatabase
from koyjabo.base.core.registry import Registry
from koyjabo.base.database.file_lock import TOTAL_AT, FileLock
from koyjabo.base.settings import database_url
from koyjabo.base.settings.schema import Settings

EARLIER_TOTALS: "Registry[str, Callable[[Settings], EarlierTotal | None]]" = Registry()
"""Functions that find an earlier total in the surroundings of a database."""


class EarlierTotal(NamedTuple):
    """The last known total of a database, and the argument of `koyjabo restore` that brings it back, or ""."""

    total: int
    source: str


def remember_start(path: str, starting_total: int) -> None:
    """Store the total that a new counter begins with. Replaces what is remembered about an earlier database."""
    lock = FileLock(path)
    lock.write(b"")
    lock.write(str(starting_total).encode(), TOTAL_AT)
    lock.close()


def require_none(settings: Settings) -> None:
    """Raises UnusableDatabase for a missing or empty SQLite file in whose place a database has counted before."""
    file = database_url.file_of(settings.database_url)
    if file is None or (os.path.exists(file) and os.path.getsize(file)):
        return
    totals = [earlier for find in EARLIER_TOTALS.values() if (earlier := find(settings))]
    totals += [EarlierTotal(total, "") for total in _remembered(file, settings.starting_total)]
    if totals:
        source = next((earlier.source for earlier in totals if earlier.source), "FILE")
        raise UnusableDatabase(
            f"DATABASE_URL names {file}. The database is empty, but the total was {max(totals).total:,}. Put the file "
            f"back, restore a backup with `koyjabo restore {source}`, or begin a new counter with "
            "`koyjabo total begin`."
        )


def _remembered(file: Path, starting_total: int) -> list[int]:
    """The total in the lock file, if it is above the one that its counter began with. Earlier versions did not store
    the latter.
    """
    lock = FileLock(str(file))
    _, *mark = lock.read().split() or [b""]
    began_with = lock.read(TOTAL_AT).strip() or b"%d" % starting_total
    if len(mark) < 2 or not all(number.isdigit() for number in (*mark, began_with)):
        return []
    return [int(mark[1])] if int(mark[1]) > int(began_with) else []
