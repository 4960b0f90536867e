"""Opens the ledger when a process starts: migrates the database, creates the counter and reads the first numbers."""

import logging

from sqlalchemy import select
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.engine import (
    exclusive,
    is_up_to_date,
    migrate,
    require_rights,
    require_tables,
    snapshot,
    translated_errors,
)
from koyjabo.base.database.models import Counter
from koyjabo.base.models import SITE
from .earlier_total import remember_start
from .models import START_TOTAL, Adjustment, DailyVisits, Visit
from .records import CounterSnapshot

log = logging.getLogger(__name__)


def prepare(database: URL, starting_total: int | None, clock: Clock) -> CounterSnapshot:
    """Migrate the database, once for all processes, and create the counter of a new one, unless `starting_total` is
    None. Returns the site's numbers. On PostgreSQL, an up-to-date database is opened without a lock. Needs an
    application context.

    Raises LedgerUnavailable if the database cannot be reached now, UnusableDatabase if it cannot be used at all, and
    DatabaseInUse if another process keeps changing it for too long.
    """
    with translated_errors():
        # SQLite always takes the lock. It costs nothing, and shows that the file is writable.
        if database.get_backend_name() != "sqlite":
            if snapshot := _present_figures(clock):
                return snapshot
            _compare_by_bytes(database)
        with exclusive(database) as session:
            if starting_total is None:
                require_tables(session)
            if not is_up_to_date(session):
                migrate(session.connection())
            _raise_sequences(session)
            counter = session.get(Counter, SITE)
            if counter is None:
                counter = _begin_counting(session, starting_total or 0, clock.now_ms())
                if database.get_backend_name() == "sqlite":
                    remember_start(str(database.database), counter.total)
            return _figures(session, counter, clock)


def _present_figures(clock: Clock) -> CounterSnapshot | None:
    """The site's numbers in an up-to-date PostgreSQL database; None if it needs a migration, has no counter, or has a
    sequence that is behind. Uses time limits, because a newer version's migration may hold the tables.
    """
    from koyjabo.base.database.postgres import limits
    from koyjabo.base.database.sequences_postgres import late_sequences

    with snapshot() as connection, Session(connection) as session:
        connection.exec_driver_sql(limits())
        require_rights(session)
        counter = session.get(Counter, SITE) if is_up_to_date(session) else None
        return None if counter is None or late_sequences(session) else _figures(session, counter, clock)


def _compare_by_bytes(database: URL) -> None:
    """Make tables of an earlier version compare texts by their bytes."""
    from koyjabo.base.database.byte_order_postgres import change_each_table

    change_each_table(database)


def _raise_sequences(session: Session) -> None:
    """Raise PostgreSQL's sequences that are behind, because rows came without them. Raises UnusableDatabase."""
    if session.get_bind().dialect.name != "sqlite":
        from koyjabo.base.database.sequences_postgres import prepare_sequences

        if tables := prepare_sequences(session):
            log.warning("sequences_raised tables=%s", ",".join(tables))


def _figures(session: Session, counter: Counter, clock: Clock) -> CounterSnapshot:
    today = clock.today()
    daily = session.get(DailyVisits, (SITE, today))
    # Select only these columns: while a developer is writing a migration, the table may lack other columns of the
    # model.
    last = session.execute(select(Visit.at_ms, Visit.place).where(Visit.id == counter.visits)).first()
    return CounterSnapshot(
        scope=SITE,
        epoch=counter.epoch,
        revision=counter.revision,
        visits=counter.visits,
        total=counter.total,
        unique_visitors=counter.unique_visitors,
        day=today,
        day_visits=daily.visits if daily else 0,
        last_ms=last.at_ms if last else None,
        last_place=last.place if last else None,
    )


def _begin_counting(session: Session, starting_total: int, now_ms: int) -> Counter:
    counter = Counter(scope=SITE, epoch=now_ms, visits=0, total=starting_total, unique_visitors=0, revision=now_ms)
    session.add(counter)
    if starting_total:
        session.add(
            Adjustment(
                scope=SITE,
                at_ms=now_ms,
                after_visit=0,
                total_before=0,
                total_after=starting_total,
                epoch=now_ms,
                reason="STARTING_TOTAL",
                kind=START_TOTAL,
            )
        )
    return counter
