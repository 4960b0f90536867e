"""Keeps imports, restores and roll-ups from running at the same time, and stores the id ranges of imported visits
(table `imported_visits`).
"""

import fcntl
import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Select, delete, func, insert, select, text, tuple_, update
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.extensions import db
from koyjabo.base.database import engine, lease
from koyjabo.base.database.lease import Fence
from koyjabo.base.models import SITE, Counter, ImportedVisits, Scope, Visit
from koyjabo.counting import rollback_queries
from koyjabo.counting.high_water import HighWaterMark
from koyjabo.counting.records import VisitKey

PATIENCE_S, POLL_S = 2.0, 0.02
"""How long, and how often, to try to get the lock, s. A roll-up holds the file lock for a few milliseconds at a time,
with longer pauses in between.
"""

# If only some visits of a day are rolled up, they may have belonged to an erased visitor. Such a day does not count as
# rolled up unless retention has reached it (`retention_queries`).
FOLDED_DAYS = text("""
SELECT d.day FROM daily_visits d
JOIN (SELECT day, sum(visits) AS visits FROM folded_visits WHERE scope = 'site' GROUP BY day) AS f ON f.day = d.day
WHERE d.scope = 'site'
AND (f.visits >= d.visits OR d.day < (SELECT n.day FROM nightly_work n WHERE n.name = 'folded'))
""")


class ImportUnderWay(KoyJaboError):
    """Visits cannot be rolled up during an import, because the import needs their rows to recognise visits that are
    already counted.
    """

    def __init__(self) -> None:
        super().__init__(
            "Visits are being imported into this database, or a backup is being restored. Visits cannot be rolled up "
            "until that has finished. Try again afterwards."
        )


@contextmanager
def only_one(where: URL) -> Iterator[Fence | None]:
    """Keep other imports, restores and roll-ups out. Yields None if another process is running one; otherwise a fence
    for the import's transactions. On PostgreSQL, the fence raises DatabaseInUse once the lease is lost. On SQLite,
    the lock is released when the process exits.
    """
    if where.get_backend_name() == "sqlite":
        until = time.monotonic() + PATIENCE_S
        with _opened_beside(str(where.database)) as file:
            while not (is_locked := _locked(file, fcntl.LOCK_EX)) and time.monotonic() <= until:
                time.sleep(POLL_S)
            yield (lambda cursor: None) if is_locked else None
        return
    with lease.held(db.engine) as held:
        yield held.fence if held else None


def is_going_on(session: Session) -> bool:
    """Whether an import or a restore is running."""
    if session.get_bind().dialect.name != "sqlite":
        return lease.is_held(session.connection())
    with _opened_beside(session.execute(text("PRAGMA database_list")).one().file) as file:
        return not _locked(file, fcntl.LOCK_SH)


def exclude_imports(session: Session) -> None:
    """Keep imports from starting before this transaction ends. They wait for the lease on PostgreSQL, and for the
    writer's lock (`begin`) on SQLite. Raises ImportUnderWay.
    """
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    if is_going_on(session) if is_sqlite else not lease.keep_free(session.connection()):
        raise ImportUnderWay


@contextmanager
def _opened_beside(path: str) -> Iterator[int]:
    """Open the lock file in the folder of the database file itself, not of a symbolic link to it. The file gets the
    database's owner, so that the server can still lock it after an import by root.
    """
    path = os.path.realpath(path)
    file = os.open(f"{path}.import.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.geteuid() == 0:
            with suppress(OSError):  # on network file systems, root may not change owners
                os.fchown(file, os.stat(path).st_uid, os.stat(path).st_gid)
        yield file
    finally:
        os.close(file)


def _locked(file: int, how: int) -> bool:
    """Lock the file until it is closed. Returns False if another process has locked it."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def begin(fence: Fence) -> None:
    """Record that ids are no longer in chronological order from now on. Ends the record of an import that was killed.
    On SQLite, this waits for the running transaction. All later transactions see that an import is running.
    """
    end(fence)
    with exclusive(fence) as session:
        newest = session.execute(select(Counter.visits).where(Counter.scope == SITE)).scalar_one()
        session.execute(insert(ImportedVisits).values(after_visit=newest))


def end(fence: Fence, in_order: bool = False) -> None:
    """Record the import's last id and its time range. If the ids are in order after all, delete the record. The times
    are read before the writer is locked, because reading them takes time proportional to the number of imported
    rows.
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
    values = {"upto_visit": newest, "first_ms": first_ms, "last_ms": last_ms}
    is_needless = in_order or newest == began
    ended = delete(ImportedVisits).where(this) if is_needless else update(ImportedVisits).where(this).values(**values)
    with exclusive(fence) as session:
        session.execute(ended)


@contextmanager
def exclusive(fence: Fence) -> Iterator[Session]:
    """Open a transaction for the import (`engine.exclusive`). Raises DatabaseInUse if the lease was lost."""
    with engine.exclusive(db.engine.url) as session:
        fence(session.connection().connection.cursor())
        yield session


def _number(query: Select[int]) -> int:
    with engine.snapshot() as connection:
        return connection.scalar(query) or 0


def count() -> int:
    """Number of visits ever counted for the site."""
    return _number(select(Counter.visits).where(Counter.scope == SITE))


def newest_ms() -> int:
    """Time of the newest visit, ms; 0 if there are no visits."""
    return _number(select(Visit.at_ms).order_by(Visit.id.desc()).limit(1))


def communities() -> set[Scope]:
    """The communities whose visits can be counted: all except archived ones."""
    with engine.snapshot() as connection:
        return {Scope(scope) for scope in connection.scalars(select(Counter.scope)) if scope != SITE}


def lowered(mark: HighWaterMark) -> HighWaterMark | None:
    with engine.snapshot() as connection, Session(connection) as session:
        return rollback_queries.lowered(session, mark)


def folded_days() -> set[str]:
    """Days (YYYY-MM-DD) with rolled-up visits. Read them after `begin`, when no more visits are rolled up."""
    with engine.snapshot() as connection:
        return set(connection.scalars(FOLDED_DAYS))


def known(keys: Collection[VisitKey]) -> set[VisitKey]:
    """The visits among `keys` that are in the ledger."""
    columns = Visit.visitor_id, Visit.visit_id
    with engine.snapshot() as connection:
        return {
            (visitor, visit)
            for visitor, visit in connection.execute(select(*columns).where(tuple_(*columns).in_(keys)))
        }


def total() -> int:
    return _number(select(Counter.total).where(Counter.scope == SITE))
