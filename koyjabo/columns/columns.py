"""The column store, for other areas. They import only this module, `events/new_event.py`, and the vocabulary in
`query/` and `dimensions/`.
"""

from collections.abc import Callable, Iterator
from functools import cached_property

from koyjabo.base.core.runtime import Advance
from .block_writer import BlockWriter
from .blocks import block_queries, state_queries
from .blocks.state_queries import DatabaseSession, RowState
from .events.event_ledger import EventLedger
from .events.new_event import NewEvents, Recorded
from .row_change import RowChange
from .sums.length_counts import LengthCounts
from .sums.running_sums import RunningSums

__all__ = ["ColumnReading", "Columns", "LengthCounts", "RowChange", "RowState"]


class ColumnReading:
    """The contents of one snapshot of the database."""

    def __init__(self, session: DatabaseSession, sums: RunningSums) -> None:
        self._session, self._sums = session, sums

    @cached_property
    def state(self) -> RowState:
        return state_queries.read_state(self._session)

    @cached_property
    def sums(self) -> RunningSums:
        """The rows and their sums. Reads all new rows on first use. Raises StillCounting."""
        self._sums.refresh(self._session)
        return self._sums

    @property
    def behind(self) -> int:
        """The number of visits without a block, at most MAX_COUNTED_VISITS."""
        return block_queries.backlog(self._session)[0]


class Columns:
    """Visits and events as columns, and running sums for report queries.

    Transactions that change visits or events take their locks in this order, so that none waits for another in a
    circle:

    1. old rows (`upkeep.retention`): only one transaction at a time changes them
    2. counters, the site's first: no visit is registered
    3. events: no event is recorded
    4. attended times: none is written
    5. the state of the rows: no block is stored, and no other change is counted

    `change` takes the third and the fourth, and its first correction the fifth. A transaction with the first lock may
    take the third later, because those who hold it wait for none of the first two.
    """

    def __init__(self, sums: RunningSums, writer: BlockWriter, events: EventLedger) -> None:
        self._sums, self._writer, self._events = sums, writer, events

    def read(self, session: DatabaseSession, is_kept: bool = True) -> ColumnReading:
        """Return the contents of a snapshot. Only the thread for scans may use its `sums`, unless `is_kept` is False.
        Then they are computed from all rows, and forgotten with the result.
        """
        return ColumnReading(session, self._sums if is_kept else self._sums.fresh())

    def record(self, events: NewEvents, is_bot: bool) -> Recorded:
        """Record the events of one request (`EventLedger.record`). Raises LedgerUnavailable and DiskAlmostFull."""
        return self._events.record(events, is_bot)

    def change(self, session: DatabaseSession, *, events: bool = False, attended: bool = False) -> RowChange:
        """Begin to change rows in a transaction. Locks `events` and `attended` times, until the transaction ends."""
        return RowChange(session, self._sums.parser, events, attended)

    def problems(self, session: DatabaseSession, advance: Callable[[], object]) -> Iterator[str]:
        """Compare all blocks with their rows, and yield a sentence for each difference. `advance` is called after each
        block.
        """
        return block_queries.block_problems(session, self._sums.parser, advance)

    def catch_up(self, advance: Advance = lambda visits: None) -> None:
        """Store all blocks that are due now (`BlockWriter.catch_up`). Waits. Raises LedgerUnavailable."""
        self._writer.catch_up(advance)
