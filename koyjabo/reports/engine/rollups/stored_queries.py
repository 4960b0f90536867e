"""Reads rows of `insight_sums`, and adds up those of several days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any, Protocol

from pyroaring import BitMap
from sqlalchemy import select
from sqlalchemy.orm import Session

from koyjabo.models import InsightSum, Scope
from koyjabo.reports.projection.additions import Addition
from koyjabo.reports.projection.encoding import TOTAL
from koyjabo.reports.projection.people import is_rest, unpacked

ROW = [
    getattr(InsightSum, name) for name in ("period", "value", "visits", "new_visitors", "count", "visitors", "people")
]
NUMBERS = ROW[:-1]


People = BitMap | None
"""None if they are not known."""


class NumbersRow(Protocol):
    """A row without its people."""

    period: str
    value: str
    visits: int
    new_visitors: int
    count: int
    visitors: int | None


class Merged:
    """The sums of a value over some days. `people` is None if they are not known."""

    __slots__ = ("count", "new_visitors", "people", "visits")

    def __init__(self) -> None:
        self.visits = self.new_visitors = self.count = 0
        self.people: People = BitMap()

    def plus(self, *others: Merged | Addition) -> Merged:
        """The sums of all. None of them changes."""
        found = Merged()
        for each in (self, *others):
            found.visits += each.visits
            found.new_visitors += each.new_visitors
            found.count += each.count
        found.people = union([each.people for each in (self, *others)])
        return found


def union(people: list[People]) -> People:
    known = [each for each in people if each is not None]
    if len(known) < len(people):
        return None
    return known[0] if len(known) == 1 else BitMap.union(*known) if known else BitMap()


def rows(session: Session, scope: Scope, dimension: str, first: str, last: str) -> list[Any]:
    """The rows of the periods from `first` to `last`, with the columns ROW."""
    return list(session.execute(_wanted(ROW, scope, dimension, first, last)))


def numbers(session: Session, scope: Scope, dimension: str, first: str, last: str) -> list[NumbersRow]:
    """The same without people: they are most of what there is to read."""
    found: list[Any] = list(session.execute(_wanted(NUMBERS, scope, dimension, first, last)))
    return found


def people_by_period(session: Session, scope: Scope, dimension: str, first: str, last: str) -> dict[str, People]:
    """Of a dimension with one value."""
    found = rows(session, scope, dimension, first, last)
    return {row.period: None if row.people is None else unpacked(bytes(row.people)) for row in found}


def merged(
    session: Session, scope: Scope, dimension: str, first: str, last: str, incomplete: Collection[str]
) -> dict[str, Merged]:
    """By value, as `encoding` writes them: the sums of all days. The people of `incomplete` days are not known."""
    found: defaultdict[str, Merged] = defaultdict(Merged)
    people: defaultdict[str, list[People]] = defaultdict(list)
    everyone = people_by_period(session, scope, TOTAL, first, last) if dimension != TOTAL else {}
    for period, value, visits, new_visitors, count, _, stored in rows(session, scope, dimension, first, last):
        sums = found[value]
        sums.visits += visits
        sums.new_visitors += new_visitors
        sums.count += count
        is_known = stored is not None and period not in incomplete
        people[value].append(_unpacked(bytes(stored), everyone.get(period)) if is_known else None)
    for value, sums in found.items():
        sums.people = union(people[value])
    return dict(found)


def _unpacked(stored: bytes, everyone: People) -> People:
    return None if is_rest(stored) and everyone is None else unpacked(stored, everyone)


def _wanted(columns: list[Any], scope: Scope, dimension: str, first: str, last: str) -> Any:
    return select(*columns).where(
        InsightSum.scope == scope, InsightSum.dimension == dimension, InsightSum.period.between(first, last)
    )
