"""Sums of days whose events are removed: of each dimension the largest values are kept, and of a day's properties those
of the largest events. The rest is OTHER.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import and_, delete, func, select
from sqlalchemy.orm import Session

from koyjabo.models import Event, EventSum
from koyjabo.reports.events import event_queries
from koyjabo.reports.events.event_plan import EVENT, PROPERTIES, PROPERTY, REST, property_of
from koyjabo.reports.events.records import PAGEVIEW
from koyjabo.reports.projection import bulk_queries, folding_queries, state_queries
from koyjabo.reports.projection.additions import HOUR, OTHER
from koyjabo.reports.projection.folding_queries import MOST_VALUES

Group = tuple[str, str, str]
"""(scope, dimension, period)"""

KEY = ("scope", "dimension", "period", "value")
IS_PROPERTY = and_(EventSum.dimension.startswith(PROPERTIES), EventSum.dimension != REST)


def days_with_names(session: Session, first_kept: str) -> list[tuple[str, str]]:
    """The scopes and days before `first_kept` that still list their properties. Reads all sums."""
    day = (EventSum.scope, EventSum.period)
    wanted = select(*day).where(*_old(session, first_kept), EventSum.dimension == PROPERTY).distinct()
    return [(row[0], row[1]) for row in session.execute(wanted)]


def forget_names(session: Session, scope: str, day: str) -> None:
    """Remove the list of a day's properties, which nothing adds to any more."""
    _remove(session, *_of((scope, PROPERTY, day)))


def crowded(session: Session, first_kept: str) -> list[Group]:
    """The dimensions of days before `first_kept` with more than MOST_VALUES values. Reads all sums."""
    group = (EventSum.scope, EventSum.dimension, EventSum.period)
    wanted = select(*group).where(*_old(session, first_kept), EventSum.dimension != HOUR, EventSum.value != OTHER)
    wanted = wanted.group_by(*group).having(func.count() > MOST_VALUES)
    return [(row[0], row[1], row[2]) for row in session.execute(wanted)]


def crowded_days(session: Session, first_kept: str) -> list[tuple[str, str]]:
    """The scopes and days before `first_kept` of which some properties have to go. Reads all sums."""
    day = (EventSum.scope, EventSum.period)
    old = _old(session, first_kept)
    many = select(*day).where(*old, IS_PROPERTY).group_by(*day)
    many = many.having(func.count(EventSum.dimension.distinct()) > MOST_VALUES)
    cut = select(*day).where(*old, EventSum.dimension == EVENT, EventSum.value == OTHER)
    return sorted({(row[0], row[1]) for each in (many, cut) for row in session.execute(each)})


def merge_smallest(session: Session, group: Group, size: int) -> int:
    """Move up to `size` values that are not among the largest to OTHER. Returns how many."""
    _lock(session)
    wanted = select(EventSum.value, EventSum.count).where(*_of(group), EventSum.value != OTHER)
    wanted = wanted.order_by(EventSum.count.desc(), EventSum.value).offset(MOST_VALUES).limit(size)
    rows = session.execute(wanted).all()
    if rows:
        _remove(session, *_of(group), EventSum.value.in_([row[0] for row in rows]))
        _add_other(session, group, sum(row[1] for row in rows))
    return len(rows)


def merge_properties(session: Session, scope: str, day: str, size: int) -> int:
    """Remove some properties that are not among the day's largest, or whose event is in OTHER. Returns how many."""
    _lock(session)
    counts = select(EventSum.dimension, func.sum(EventSum.count)).where(
        EventSum.scope == scope, EventSum.period == day, IS_PROPERTY
    )
    rows = session.execute(counts.group_by(EventSum.dimension)).all()
    order = sorted(((dimension, int(count)) for dimension, count in rows), key=lambda each: (-each[1], each[0]))
    names = _names(session, scope, day)
    kept = [each for each in order if names is None or property_of(each[0])[0] in names][:MOST_VALUES]
    gone = sorted(set(order) - set(kept))[: max(1, size // 100)]
    if gone:
        these = (EventSum.scope == scope, EventSum.period == day)
        _remove(session, *these, EventSum.dimension.in_([dimension for dimension, _ in gone]))
        _add_other(session, (scope, REST, day), sum(count for _, count in gone))
    return len(gone)


def _lock(session: Session) -> None:
    """Let no other merge, erasure or event change the sums between reading and writing. In the order of erasures."""
    folding_queries.lock(session)
    event_queries.lock(session)


def _names(session: Session, scope: str, day: str) -> Collection[str] | None:
    """The events that the day still names; None if it names all."""
    names = set(session.scalars(select(EventSum.value).where(*_of((scope, EVENT, day)))))
    return names | {PAGEVIEW} if OTHER in names else None


def _old(session: Session, first_kept: str) -> tuple[Any, ...]:
    """Days before `first_kept` of which there are still events."""
    oldest = session.scalar(select(Event.day).order_by(Event.id).limit(1))
    return EventSum.period >= (oldest or first_kept), EventSum.period < first_kept


def _of(group: Group) -> tuple[Any, ...]:
    scope, dimension, period = group
    return EventSum.scope == scope, EventSum.dimension == dimension, EventSum.period == period


def _remove(session: Session, *which: Any) -> None:
    session.execute(delete(EventSum).where(*which).execution_options(synchronize_session=False))


def _add_other(session: Session, group: Group, count: int) -> None:
    before = session.scalar(select(EventSum.count).where(*_of(group), EventSum.value == OTHER)) or 0
    bulk_queries.insert(session, "event_sums", (*KEY, "count"), [(*group, OTHER, before + count)], KEY)
    state_queries.changed(session)
