"""Reads rows of `insight_sums`: of periods, and of values over several days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koyjabo.core.clock import shifted
from koyjabo.models import InsightSum, Scope
from koyjabo.reports.engine.groups import Group, People, merged_by, union
from koyjabo.reports.projection.additions import OTHER, TOTAL
from koyjabo.reports.projection.folding_queries import folded_before
from koyjabo.reports.projection.people import is_rest, unpacked

COLUMNS = (InsightSum.visits, InsightSum.new_visitors, InsightSum.count)


class Numbers(NamedTuple):
    """A row of a period of which people are not read."""

    visits: int
    count: int  # type: ignore[assignment]
    visitors: int | None


def numbers(session: Session, scope: Scope, dimension: str, first: str, last: str) -> dict[str, Numbers]:
    """Of TOTAL or HOUR, by period, without people: they are most of what there is to read."""
    columns = (InsightSum.period, InsightSum.visits, InsightSum.count, InsightSum.visitors)
    rows: Any = session.execute(select(*columns).where(*_these(scope, dimension, first, last)))
    return {period: Numbers(*numbers) for period, *numbers in rows}


def people(session: Session, scope: Scope, dimension: str, first: str, last: str) -> dict[str, People]:
    """Of TOTAL or HOUR, by period."""
    wanted = select(InsightSum.period, InsightSum.people).where(*_these(scope, dimension, first, last))
    return {period: None if stored is None else unpacked(bytes(stored)) for period, stored in session.execute(wanted)}


def groups(
    session: Session, scope: Scope, dimension: str, first: str, last: str, incomplete: Collection[str]
) -> dict[str, Group]:
    """By value, as `encoded` writes it: all days together. The people of `incomplete` days are not known."""
    before = folded_before(session)
    last_folded = min(last, shifted(before, -1)) if before else ""
    parts = [_folded(session, scope, dimension, first, last_folded, incomplete)] if first <= last_folded else []
    if last_folded < last:
        parts.append(_unfolded(session, scope, dimension, max(first, before), last, incomplete))
    return merged_by((each for part in parts for each in part.items()), str)


def _folded(
    session: Session, scope: Scope, dimension: str, first: str, last: str, incomplete: Collection[str]
) -> dict[str, Group]:
    """Of days that may be folded: most rows have no people, and are added up by the database."""
    sums: Any = (*map(func.sum, COLUMNS), func.count(), func.count(InsightSum.people), func.max(InsightSum.visitors))
    by_value, told_apart = {}, set()
    wanted: Any = select(InsightSum.value, *sums).where(*_these(scope, dimension, first, last))
    for value, visits, new, count, rows, with_people, visitors in session.execute(wanted.group_by(InsightSum.value)):
        number = visitors if rows == 1 and not incomplete else None
        by_value[value] = Group(int(visits), int(new), int(count), None, number)
        if rows == with_people:
            told_apart.add(value)
    if told_apart:
        groups = _unfolded(session, scope, dimension, first, last, incomplete)
        by_value |= {value: group for value, group in groups.items() if value in told_apart}
    return by_value


def _unfolded(
    session: Session, scope: Scope, dimension: str, first: str, last: str, incomplete: Collection[str]
) -> dict[str, Group]:
    everyone = cache(lambda: people(session, scope, TOTAL, first, last))
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    theirs: defaultdict[str, list[People]] = defaultdict(list)
    visitors: dict[str, int | None] = {}
    wanted: Any = select(InsightSum.period, InsightSum.value, *COLUMNS, InsightSum.visitors, InsightSum.people)
    for period, value, visits, new, count, number, stored in session.execute(
        wanted.where(*_these(scope, dimension, first, last))
    ):
        numbers = sums[value]
        numbers[0] += visits
        numbers[1] += new
        numbers[2] += count
        visitors[value] = None if value in theirs or incomplete else number
        is_known = stored is not None and period not in incomplete
        theirs[value].append(_unpacked(bytes(stored), period, everyone) if is_known else None)
    return {
        value: Group(visits, new, pages, union(theirs[value]), visitors[value])
        for value, (visits, new, pages) in sums.items()
    }


def _unpacked(stored: bytes, period: str, everyone: Any) -> People:
    if not is_rest(stored):
        return unpacked(stored)
    whole = everyone().get(period)
    return None if whole is None else unpacked(stored, whole)


def complete(
    session: Session, scope: Scope, dimension: str, days: Collection[str], values: Collection[str]
) -> set[str]:
    """Those of the values that have a row on each of the days with merged values."""
    before, these = folded_before(session), (InsightSum.scope == scope, InsightSum.dimension == dimension)
    folded = InsightSum.period.in_([day for day in days if day <= before])  # also one that is about to be folded
    lossy = list(session.scalars(select(InsightSum.period).where(*these, folded, InsightSum.value == OTHER)))
    if not lossy:
        return set(values)
    own = (InsightSum.period.in_(lossy), InsightSum.value.in_(values))
    wanted = select(InsightSum.value).where(*these, *own).group_by(InsightSum.value)
    return set(session.scalars(wanted.having(func.count() == len(lossy))))


def _these(scope: Scope, dimension: str, first: str, last: str) -> tuple[Any, ...]:
    return InsightSum.scope == scope, InsightSum.dimension == dimension, InsightSum.period.between(first, last)
