"""Imports of visits: one at a time, and which ids they are among (`imported_visits`)."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.engine import URL

from koyjabo.extensions import db
from koyjabo.models import SITE, Counter, ImportedVisits, Scope, Visit
from koyjabo.storage import database

IMPORT_LOCK = 0x6B6F7969  # "koyi", one of PostgreSQL's advisory locks

FOLDED_DAYS = text("""
SELECT d.day FROM daily_visits d
JOIN (SELECT day, sum(visits) AS visits FROM folded_visits WHERE scope = 'site' GROUP BY day) AS f ON f.day = d.day
WHERE d.scope = 'site' AND f.visits >= d.visits
""")


@contextmanager
def only_one(where: URL) -> Iterator[bool]:
    """False while another process imports into the same database."""
    if where.get_backend_name() == "sqlite":
        with _locked_beside(str(where.database)) as is_mine:
            yield is_mine
        return
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection.execute(text(f"SELECT pg_try_advisory_lock({IMPORT_LOCK})")).scalar_one()


@contextmanager
def _locked_beside(path: str) -> Iterator[bool]:
    file = os.open(f"{path}.import.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(file)


def begin() -> None:
    """From now on ids do not go by time. What a killed import left open ends here."""
    end()
    with database.exclusive(db.engine.url), db.session.begin():
        newest = db.session.execute(select(Counter.visits).where(Counter.scope == SITE)).scalar_one()
        db.session.execute(insert(ImportedVisits).values(after_visit=newest))


def end(in_order: bool = False) -> None:
    """Say up to where, and what times are among them; or nothing at all, if they are in order after all.

    The times are read beforehand: that takes as long as there are rows, and writers need not wait.
    """
    with database.snapshot() as connection:
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
    with database.exclusive(db.engine.url), db.session.begin():
        db.session.execute(ended)


def count() -> int:
    """How many visits there ever were."""
    with database.snapshot() as connection:
        return connection.execute(select(Counter.visits).where(Counter.scope == SITE)).scalar_one()


def newest_ms() -> int:
    """When the newest visit was; 0 where there is none."""
    with database.snapshot() as connection:
        return connection.execute(select(Visit.at_ms).order_by(Visit.id.desc()).limit(1)).scalar() or 0


def communities() -> set[Scope]:
    """Those that visits can be counted for."""
    with database.snapshot() as connection:
        return {Scope(scope) for scope in connection.scalars(select(Counter.scope)) if scope != SITE}


def folded_days() -> set[str]:
    """Days that had visits, of which no row is left."""
    with database.snapshot() as connection:
        return set(connection.scalars(FOLDED_DAYS))
