"""Imports of visits: one at a time, while nothing is folded, and which ids they are among (`imported_visits`)."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from koyjabo.database import engine, lease
from koyjabo.database.lease import Fence
from koyjabo.errors import KoyJaboError
from koyjabo.extensions import db
from koyjabo.models import SITE, Counter, ImportedVisits, Scope, Visit

PATIENCE_S, LOOK_S = 2.0, 0.02
"""A transaction that folds has the lock beside the file for some milliseconds, and rests for longer."""

# Where not all is folded it may have been by forgetting, which takes only a visitor's; but not before the day up to
# which visits of all are (`fold`).
FOLDED_DAYS = text("""
SELECT d.day FROM daily_visits d
JOIN (SELECT day, sum(visits) AS visits FROM folded_visits WHERE scope = 'site' GROUP BY day) AS f ON f.day = d.day
WHERE d.scope = 'site'
AND (f.visits >= d.visits OR d.day < (SELECT n.day FROM nightly_work n WHERE n.name = 'folded'))
""")


class ImportUnderWay(KoyJaboError):
    """Visits are imported, and so none are folded: what was there already could not be told any more."""

    def __init__(self) -> None:
        super().__init__(
            "Visits are being imported into this database, or a backup is being restored, and meanwhile none can be "
            "folded. Do it when that is over."
        )


@contextmanager
def only_one(where: URL) -> Iterator[Fence | None]:
    """Exclude other imports, restores and folds. Yields None while another process does that.

    Otherwise yields a fence for the transactions of the import: on PostgreSQL it raises DatabaseInUse after the lease
    was lost. On SQLite the lock ends with the process.
    """
    if where.get_backend_name() == "sqlite":
        with _opened_beside(str(where.database)) as file:
            yield (lambda cursor: None) if _soon(lambda: _locked(file, fcntl.LOCK_EX)) else None
        return
    with lease.held(db.engine) as held:
        yield held.fence if held else None


def is_going_on(session: Session) -> bool:
    """Whether an import or a restore is under way."""
    if session.get_bind().dialect.name != "sqlite":
        return lease.is_held(session.connection())
    with _opened_beside(session.execute(text("PRAGMA database_list")).one().file) as file:
        return not _locked(file, fcntl.LOCK_SH)


def exclude_imports(session: Session) -> None:
    """Let no import begin before this transaction ends: on PostgreSQL it waits for the lease, on SQLite for the writer
    (`begin`). Raises ImportUnderWay.
    """
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    if is_going_on(session) if is_sqlite else not lease.keep_free(session.connection()):
        raise ImportUnderWay


def _soon(is_mine: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE_S
    while not is_mine():
        if time.monotonic() > until:
            return False
        time.sleep(LOOK_S)
    return True


@contextmanager
def _opened_beside(path: str) -> Iterator[int]:
    """A file beside the database, and not beside a link to it. It is its owner's, also when root imports: or nobody
    else could fold any more.
    """
    path = os.path.realpath(path)
    file = os.open(f"{path}.import.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.geteuid() == 0:
            with suppress(OSError):  # where root may not, on disks of other machines
                os.fchown(file, os.stat(path).st_uid, os.stat(path).st_gid)
        yield file
    finally:
        os.close(file)


def _locked(file: int, how: int) -> bool:
    """True when it is ours, until the file is closed."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def begin(fence: Fence) -> None:
    """From now on ids do not go by time. What a killed import left open ends here.

    Waits for whoever writes to SQLite: who comes later sees that there is an import.
    """
    end(fence)
    with _exclusive(fence) as session:
        newest = session.execute(select(Counter.visits).where(Counter.scope == SITE)).scalar_one()
        session.execute(insert(ImportedVisits).values(after_visit=newest))


def end(fence: Fence, in_order: bool = False) -> None:
    """Say up to where, and what times are among them; or nothing at all, if they are in order after all.

    The times are read beforehand: that takes as long as there are rows, and writers need not wait.
    """
    with engine.snapshot() as connection:
        began = connection.execute(
            select(ImportedVisits.after_visit).where(ImportedVisits.upto_visit.is_(None))
        ).scalar()
        if began is None:
            return
        newest = connection.execute(select(Counter.visits).where(Counter.scope == SITE)).scalar_one()
        times = select(func.min(Visit.at_ms), func.max(Visit.at_ms)).where(Visit.id > began, Visit.id <= newest)
        first_ms, last_ms = connection.execute(times).one()
    this = ImportedVisits.after_visit == began
    about = {"upto_visit": newest, "first_ms": first_ms, "last_ms": last_ms}
    is_needless = in_order or newest == began
    ended = delete(ImportedVisits).where(this) if is_needless else update(ImportedVisits).where(this).values(**about)
    with _exclusive(fence) as session:
        session.execute(ended)


@contextmanager
def _exclusive(fence: Fence) -> Iterator[Session]:
    with engine.exclusive(db.engine.url) as session:
        fence(session.connection().connection.cursor())
        yield session


def count() -> int:
    """How many visits there ever were."""
    with engine.snapshot() as connection:
        return connection.execute(select(Counter.visits).where(Counter.scope == SITE)).scalar_one()


def newest_ms() -> int:
    """When the newest visit was; 0 where there is none."""
    with engine.snapshot() as connection:
        return connection.execute(select(Visit.at_ms).order_by(Visit.id.desc()).limit(1)).scalar() or 0


def communities() -> set[Scope]:
    """Those that visits can be counted for."""
    with engine.snapshot() as connection:
        return {Scope(scope) for scope in connection.scalars(select(Counter.scope)) if scope != SITE}


def folded_days() -> set[str]:
    """Days that had visits of which the rows are gone, or some of them. Read it when the import has begun."""
    with engine.snapshot() as connection:
        return set(connection.scalars(FOLDED_DAYS))
