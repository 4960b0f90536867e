"""The ledger's operations on one database: the interface of `ledger_sqlite` and `ledger_postgres`."""

from typing import Any, Protocol

from sqlalchemy.engine import URL

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.batch_worker import BatchStore
from koyjabo.base.models import Scope
from .high_water import (
    HighWater,
    HighWaterMark,
)
from .ledger_query import LedgerQuery
from .milestones import NO_MILESTONES, Milestones
from .records import CounterSnapshot, Keyed, Outcome


class LedgerStore(BatchStore[Keyed, Outcome], Protocol):
    """One real thread calls `commit` and `writing`, and another one calls `snapshot`, `knows` and `run`. If
    `reads_block` is false, requests call these directly. Reads raise one of `unreadable`.
    """

    unreadable: tuple[type[Exception], ...]
    reads_block: bool

    def snapshot(self, scope: Scope) -> CounterSnapshot | None: ...

    def knows(self, scope: Scope, visitor_id: str) -> bool: ...

    def run(self, scope: Scope, query: LedgerQuery) -> Any:
        """Run a query of another feature."""

    def interrupt_read(self) -> None:
        """Abort a read that is waiting for a server. Called from another thread."""

    def remembered(self) -> HighWaterMark:
        """The site's mark, if it is stored in the database's own files."""

    def close(self) -> None: ...


def open_store(
    database: URL,
    clock: Clock,
    milestones: Milestones = NO_MILESTONES,
    high_water: HighWater | None = None,
) -> LedgerStore:
    """The store for a normalised database URL (`settings`). Does not open a connection yet. `milestones` are the totals
    to announce. `commit` raises DatabaseRolledBack while the site's counter is below `high_water`.
    """
    if database.get_backend_name() == "sqlite":
        from .ledger_sqlite import SqliteStore

        return SqliteStore(str(database.database), clock, milestones, high_water or HighWater())
    from .ledger_postgres import PostgresStore

    return PostgresStore(database, clock, milestones, high_water or HighWater())
