"""Running sums for a query. Each call adds only the rows that the table has gained since the last call. The end of a
compared day moves with the clock, so rows between its old and new end are added as well.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from koyjabo.base.core.clock import Clock, shifted
from koyjabo.columns.blocks.rows import Rows
from koyjabo.columns.blocks.table_rows import BEGINNING, Position, TableRows
from koyjabo.columns.query.report_query import ReportQuery

END_OF_TIME_MS = 2**53

MARGIN_DAYS = 2
"""Maximum difference between the starts of a day in two time zones, in days."""

Check = Callable[[Rows], None]
"""Keeps only the rows that pass."""


class GrowingSums(Protocol):
    """Sums that grow by rows."""

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        ...

    def add(self, rows: Rows) -> None: ...


@dataclass
class _Place:
    """Sums, and the position in the table that they extend to."""

    sums: GrowingSums
    at: tuple[Position, int | None] = BEGINNING, None  # the position, and the end of the query's last day


class FollowedSums:
    """The sums of one query by key, of visits or of events, for one thread and one version of the rows. Each call
    passes `until_ms`. `new` returns the sums for a key without rows. `keep` keeps the rows of the query's scope that
    pass its filters; their days and times are already checked.
    """

    def __init__(
        self,
        query: ReportQuery,
        clock: Clock,
        table: TableRows,
        new: Callable[[Any], GrowingSums],
        keep: Check = lambda rows: None,
    ) -> None:
        self.query, self.clock, self.table, self._new, self._keep = query, clock, table, new, keep
        self._by_key: dict[Any, _Place] = {}

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return sum(place.sums.size for place in self._by_key.values())

    def followed(self, key: Any, until_ms: int | None, others: Collection[Any] = ()) -> Any:
        """Return the sums by a key, up to the end of the table. The same pass updates the sums by `others`."""
        keys = {key, *others}
        for name in keys:
            known = self._by_key.get(name)
            if known is None or (until_ms and known.at[1] and until_ms < known.at[1]):  # the clock was set back
                self._by_key[name] = _Place(self._new(name))
        place = self._by_key[key]
        if place.at != (self.table.end, until_ms):
            self._follow([name for name in keys if self._by_key[name].at == place.at], until_ms)
        return place.sums

    def _begin(self, rows: Rows) -> None:
        """Keep only the rows from the time when the query's range begins."""
        if self.query.since_ms is not None:
            rows.keep_moments("", self.query.since_ms, END_OF_TIME_MS)

    def near(self, moment_ms: int | None) -> str:
        """A day such that all rows of earlier days are before this time, even if their days were counted in another
        time zone.
        """
        return "" if moment_ms is None else shifted(self.clock.bucket(moment_ms).day, -MARGIN_DAYS)

    def _follow(self, keys: Sequence[Any], until_ms: int | None) -> None:
        places = [self._by_key.pop(key) for key in keys]  # if reading fails, no partial sums may remain
        upto, before_ms = places[0].at
        spans: list[tuple[Position, Position, int | None]] = [(upto, self.table.end, None)]
        if before_ms != until_ms and upto != BEGINNING:
            spans.append((BEGINNING, upto, before_ms))
        for start, end, since_ms in spans:
            first = max(self.query.first, self.near(since_ms))
            for rows in self.table.rows(start, end, first, self.query.last, self.query.scope):
                if until_ms is not None:
                    rows.keep_moments(self.near(until_ms if since_ms is None else since_ms), since_ms or 0, until_ms)
                self._begin(rows)
                self._keep(rows)
                for place in places if rows else ():
                    place.sums.add(rows)
        for key, place in zip(keys, places, strict=True):
            place.at = self.table.end, until_ms
            self._by_key[key] = place
