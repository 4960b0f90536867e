"""Groups the visits of a question, within one snapshot of the database.

Facts are read in pieces: sorting millions of rows at once takes twice as long, and a piece ends in time for the others
who wait for the interpreter. The visitors of a group come as one text, which is the fastest way out of both databases.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple

from pyroaring import BitMap
from sqlalchemy import Select, String, case, cast, func, literal, null, select, type_coerce
from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock, Days
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.counting.id_range_queries import id_range
from koyjabo.database.executor import REPORT_LIMIT_S
from koyjabo.reports.engine.answers import Sums
from koyjabo.reports.engine.raw.arm_queries import AFTER, UPTO, Arm, Column, Facts, Tail
from koyjabo.reports.engine.raw.condition_queries import conditions, is_new
from koyjabo.reports.engine.raw.tail_queries import tail, watermark
from koyjabo.reports.query.ranges import MARGIN
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.traits.parser import TraitParser

Key = Callable[[Arm], Column]

PIECE = 20_000
"""Ids in a piece: what SQLite sorts in its memory."""

EMPTY = "[]"
LAST_ID = 2**62


class Group:
    """Visits that have a key in common. `pages` is how many of them name a page."""

    __slots__ = ("_people", "_texts", "new", "pages", "visits")

    def __init__(self) -> None:
        self.visits = self.new = self.pages = 0
        self._texts: list[str] = []
        self._people: BitMap | None = None

    def add(self, visits: int, new: int, pages: int, people: str | None) -> None:
        self.visits += visits
        self.new += new
        self.pages += pages
        if people:
            self._texts.append(people)

    def take(self, other: Group) -> None:
        """Add the visits of another group."""
        self.add(other.visits, other.new, other.pages, None)
        self._texts += other._texts

    @property
    def sums(self) -> Sums:
        return Sums(self.visits, len(self.people()), self.new)

    def people(self) -> BitMap:
        """The numbers of the visitors."""
        if self._people is None:
            self._people = numbers_of(self._texts)
        return self._people


class _Part(NamedTuple):
    """A statement, and its parameters for each piece."""

    statement: Select[Any]
    pieces: list[dict[str, Any]]


def nothing(arm: Arm) -> Column:
    """The key of all visits together."""
    return literal(0)


class Rows:
    """The visits of the range and scope of a question. Methods take it again, with more or fewer filters."""

    def __init__(self, session: Session, question: Question, parser: TraitParser, clock: Clock) -> None:
        self._session = session
        self.dialect = session.get_bind().dialect.name
        self._watermark = watermark(session)
        self._tail = tail(session, question, self._watermark, parser)
        first, last = date.fromisoformat(question.first) - MARGIN, date.fromisoformat(question.last) + MARGIN
        self._ids = id_range(session, *clock.range_ms(Days(first, last)))
        self._until = time.monotonic() + REPORT_LIMIT_S

    def all(self, question: Question) -> Group:
        return self.by(question, nothing).get(0, Group())

    def by(self, question: Question, key: Key, with_people: bool = True, is_newer: bool = False) -> dict[Any, Group]:
        """By key; `is_newer`: only visits after the watermark. Raises LedgerUnavailable after REPORT_LIMIT_S."""
        groups: dict[Any, Group] = {}
        for found, *sums in self.found(lambda arm: self._grouped(arm, question, key, with_people), is_newer):
            group = groups.get(found)
            if group is None:
                group = groups[found] = Group()
            group.add(*sums)
        return groups

    def found(self, statement_for: Callable[[Arm], Select[Any]], is_newer: bool = False) -> Iterator[Any]:
        """The rows of a statement, piece by piece. Raises LedgerUnavailable after REPORT_LIMIT_S."""
        for statement, pieces in self._parts(statement_for, is_newer):
            for parameters in pieces:
                if time.monotonic() > self._until:
                    raise LedgerUnavailable
                yield from self._session.execute(statement, parameters)

    def _parts(self, statement_for: Callable[[Arm], Select[Any]], is_newer: bool) -> Iterator[_Part]:
        after, upto = self._ids[0], 0 if is_newer else min(self._ids[1], self._watermark)
        pieces = [{AFTER: start, UPTO: min(start + PIECE, upto)} for start in range(after, upto, PIECE)]
        yield _Part(statement_for(Facts()), pieces)
        if self._tail != EMPTY:
            rest = {"tail": self._tail, AFTER: self._watermark, UPTO: LAST_ID}
            yield _Part(statement_for(Tail(self.dialect)), [rest])

    def _grouped(self, arm: Arm, question: Question, key: Key, with_people: bool) -> Select[Any]:
        by = key(arm).label("key")
        sums = [func.count(), _number(is_new(arm, question.scope)), _number(~arm.is_none("page"))]
        people = joined(arm.column("visitor"), self.dialect) if with_people else null()
        found = select(by, *sums, people).where(*arm.bounds(), *conditions(arm, question))
        found = found.select_from(arm.source)
        return found.having(func.count() > 0) if key is nothing else found.group_by(by)


def joined(numbers: Column, dialect: str) -> Column:
    """Numbers as one text, with commas between."""
    texts = type_coerce(numbers, String) if dialect == "sqlite" else cast(numbers, String)
    return func.aggregate_strings(texts, ",")


def numbers_of(texts: Iterable[str]) -> BitMap:
    """The opposite of `joined`."""
    found = BitMap()
    for text in texts:
        found.update(map(int, text.split(",")))
    return found


def _number(condition: Column) -> Column:
    return func.sum(case((condition, 1), else_=0))
