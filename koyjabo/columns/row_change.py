"""Corrects columns in a transaction that changes rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from koyjabo.counting.evidence import queries as attendance_queries
from .blocks import block_queries, row_queries, state_queries
from .blocks.block_kinds import EVENT_BLOCKS, VISIT_BLOCKS
from .blocks.state_queries import DatabaseSession, RowState
from .dimensions.trait_parser import TraitParser
from .events import event_queries


class RowChange:
    """A change of rows. `Columns` has the order of locks."""

    def __init__(self, session: DatabaseSession, parser: TraitParser, events: bool, attended: bool) -> None:
        self._session, self._parser = session, parser
        if events:
            event_queries.lock(session)
        if attended:
            attendance_queries.lock(session)

    def lock_state(self) -> RowState:
        """Lock the state of the rows, and return it."""
        return state_queries.lock(self._session)

    def visits(self, ids: Collection[int]) -> None:
        """Correct the blocks of these visits, which were changed in this transaction."""
        block_queries.correct(self._session, VISIT_BLOCKS, ids, row_queries.visits(self._parser))

    def read_differently(self, rows: Iterable[Any], changes: Iterable[Mapping[str, Any]]) -> set[int]:
        """Return the ids of the visits whose values in reports are affected by these changes. `rows` have all columns
        as they were before.
        """
        of, changed = self._parser.of, zip(rows, changes, strict=True)
        return {row.id for row, new in changed if of(row._mapping) != of({**row._mapping, **new})}

    def most_visits(self, after: int, upto: int) -> None:
        """Remove the blocks of visits with ids after `after`, up to `upto`, because many of these were changed. They
        are built again after the transaction.
        """
        block_queries.remove_blocks(self._session, VISIT_BLOCKS, after, upto)

    def most_events(self, after: int, upto: int) -> None:
        """Like `most_visits`, for events."""
        block_queries.remove_blocks(self._session, EVENT_BLOCKS, after, upto)

    def rename_events(self, visitor_id: str, name: str, size: int) -> int:
        """Give up to `size` events of a visitor another name, without their properties. Locks events. Returns how many
        were renamed.
        """
        return event_queries.rename(self._session, visitor_id, name, size)

    def reduce_events(self, names: Sequence[tuple[int, str]]) -> None:
        """Give events the names of reduced visitors, by the events' ids, in order."""
        event_queries.REDUCE_EVENTS.run_by_id(self._session, names)

    def reduce_events_of_visits(self, names: Sequence[tuple[int, str]]) -> None:
        """Like `reduce_events`, but by the ids of the events' visits, in order. The caller has locked events."""
        event_queries.REDUCE_EVENTS_OF_VISITS.run_by_id(self._session, names)
