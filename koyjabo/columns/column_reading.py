"""What one snapshot of the database has."""

from functools import cached_property

from .blocks import block_queries, state_queries
from .blocks.state_queries import DatabaseSession, RowState
from .sums.running_sums import RunningSums


class ColumnReading:
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
