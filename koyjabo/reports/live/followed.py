"""Running sums for a question. Each call adds only the rows that the log has gained since the last call. The end of a
compared day moves with the clock, so rows between its old and new end are added as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from koyjabo.core.clock import Clock, shifted
from koyjabo.reports.log.blocks import Rows
from koyjabo.reports.log.log import BEGINNING, Log, Position
from koyjabo.reports.log.state_queries import Reading
from koyjabo.reports.query.report_query import Question

MARGIN_DAYS = 2
"""Maximum difference between the starts of a day in two time zones, in days."""

Kept = TypeVar("Kept")


@dataclass
class _Place(Generic[Kept]):
    """Sums, and the position in the log that they extend to."""

    sums: Kept
    upto: Position = BEGINNING
    until_ms: int | None = None

    @property
    def at(self) -> tuple[Position, int | None]:
        return self.upto, self.until_ms


class Followed(Generic[Kept]):
    """The sums of one question by key, for one thread and one version of the log. Each call passes `until_ms`."""

    def __init__(self, question: Question, clock: Clock) -> None:
        self.question, self.clock = question, clock
        self._by_key: dict[Any, _Place[Kept]] = {}

    def _new(self, key: Any) -> Kept:
        raise NotImplementedError

    def _add(self, session: Reading, sums: Kept, key: Any, rows: Rows) -> None:
        raise NotImplementedError

    def _check(self, session: Reading, rows: Rows) -> None:
        """Keep only the rows that belong to the question, whose days and times are already checked."""
        raise NotImplementedError

    def size_of(self, sums: Kept) -> int:
        raise NotImplementedError

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return sum(self.size_of(place.sums) for place in self._by_key.values())

    def followed(
        self, session: Reading, log: Log, key: Any, until_ms: int | None, others: Collection[Any] = ()
    ) -> Kept:
        """Return the sums by a key, up to the end of the log. The same pass updates the sums by `others`."""
        keys = {key, *others}
        for name in keys:
            known = self._by_key.get(name)
            if known is None or _is_earlier(until_ms, known.until_ms):  # or the clock was set back
                self._by_key[name] = _Place(self._new(name))
        asked = self._by_key[key]
        if asked.at != (log.end, until_ms):
            self._follow(session, log, [name for name in keys if self._by_key[name].at == asked.at], until_ms)
        return asked.sums

    def rows(
        self, session: Reading, log: Log, start: Position, end: Position, since_ms: int | None, until_ms: int | None
    ) -> Iterator[Rows]:
        """Yield the question's rows between two positions, from `since_ms` up to but not including `until_ms`."""
        first = max(self.question.first, self.near(since_ms))
        for rows in log.rows(session, start, end, first, self.question.last):
            if until_ms is not None:
                rows.keep_moments(self.near(until_ms if since_ms is None else since_ms), since_ms or 0, until_ms)
            self._check(session, rows)
            if rows:
                yield rows

    def near(self, moment_ms: int | None) -> str:
        """A day such that all rows of earlier days are before this time, even if their days were counted in another
        time zone.
        """
        return "" if moment_ms is None else shifted(self.clock.bucket(moment_ms).day, -MARGIN_DAYS)

    def _follow(self, session: Reading, log: Log, keys: Sequence[Any], until_ms: int | None) -> None:
        places = [self._by_key.pop(key) for key in keys]  # if reading fails, no partial sums may remain
        upto, before_ms = places[0].at
        spans: list[tuple[Position, Position, int | None]] = [(upto, log.end, None)]
        if before_ms != until_ms and upto != BEGINNING:
            spans.append((BEGINNING, upto, before_ms))
        for start, end, since_ms in spans:
            for rows in self.rows(session, log, start, end, since_ms, until_ms):
                for key, place in zip(keys, places, strict=True):
                    self._add(session, place.sums, key, rows)
        for key, place in zip(keys, places, strict=True):
            place.upto, place.until_ms = log.end, until_ms
            self._by_key[key] = place


def _is_earlier(until_ms: int | None, before_ms: int | None) -> bool:
    return until_ms is not None and before_ms is not None and until_ms < before_ms
