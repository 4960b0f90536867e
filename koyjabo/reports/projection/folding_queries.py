"""Sums of days whose visits are folded: people are left out, and of each dimension the largest values are kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, func, insert, select, text, tuple_, update
from sqlalchemy.orm import Session

from koyjabo.core.errors import KoyJaboError
from koyjabo.models import DailyVisits, HourlyVisits, InsightSum, VisitFact
from koyjabo.reports.projection import state_queries
from koyjabo.reports.projection.additions import ALL, HOUR, OTHER, TOTAL
from koyjabo.reports.projection.bulk_queries import SLICE
from koyjabo.reports.projection.people import is_rest, unpacked
from koyjabo.reports.projection.referrer_queries import asked_days
from koyjabo.reports.projection.sum_queries import KEY, Folded
from koyjabo.reports.query.ranges import day_number

MOST_VALUES = 1_000
"""Values of a dimension that a folded day keeps (specification: Reports)."""

FOLD_LOCK = 0x6B6F7966  # "koyf", one of PostgreSQL's advisory locks
LOCK = text(f"SELECT pg_advisory_xact_lock({FOLD_LOCK})")
FOLDED_BEFORE = text("SELECT day FROM nightly_work WHERE name = 'folded'")

Group = tuple[str, str, str]
"""(scope, dimension, period)"""

GROUP = (InsightSum.scope, InsightSum.dimension, InsightSum.period)


class NotProjected(KoyJaboError):
    """Visits are folded only after their values are in the sums, for which they are needed."""

    def __init__(self) -> None:
        super().__init__("Some visits have not been read for reports yet, so they cannot be folded. Try again later.")


def lock(session: Session) -> None:
    """Let one transaction fold at a time, so that it removes the rows it has counted. SQLite has one writer anyway."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(LOCK)


def require_read(session: Session, upto: int) -> None:
    """Raises NotProjected if a visit up to this id has not been read, or is read again: more days would be taken for
    folded ones, whose visits are in the sums still.
    """
    state = state_queries.lock(session)
    if not state.is_current or state.upto < max(upto, state.reread):
        raise NotProjected


def folded_before(session: Session) -> str:
    """Visits of days before this one may be folded, all or some; "" if none are."""
    return session.scalar(FOLDED_BEFORE) or ""


def with_people(session: Session, folded: Folded) -> list[Group]:
    """What `leave_people_out` has to do: the rows of these days that have people. Reads all rows."""
    is_old = ((InsightSum.dimension == HOUR) & (InsightSum.period < folded.hour)) | (
        (InsightSum.dimension != HOUR) & (InsightSum.period < folded.day)
    )
    rows = session.execute(select(*GROUP).where(InsightSum.people.is_not(None), is_old).distinct())
    # The whole of a day last: others may be stored as what they lack of it.
    return sorted(((row[0], row[1], row[2]) for row in rows), key=lambda group: (group[1] == TOTAL, group))


def leave_people_out(session: Session, groups: Sequence[Group], size: int) -> int:
    """Of the first `size` groups. Returns how many these are; 0 if a visitor was forgotten whose values are still in
    sums of days with people: the projection makes these sums again first.
    """
    state_queries.lock(session)
    first = groups[:size]
    if asked_days(session).intersection(period for _, _, period in first):
        return 0
    complete = _complete(session, first)
    for group in _long_ones(session, first):
        _merge_rest(session, group, group in complete)
    _forget_people(session, complete, people=None)
    _forget_people(session, [group for group in first if group not in complete], people=None, visitors=None)
    state_queries.changed(session)
    return len(first)


def _forget_people(session: Session, groups: Collection[Group], **unknown: None) -> None:
    these = tuple_(*GROUP).in_(sorted(groups))
    session.execute(update(InsightSum).where(these).values(**unknown).execution_options(synchronize_session=False))


def _long_ones(session: Session, groups: Sequence[Group]) -> list[Group]:
    """Those with more values than a folded day keeps."""
    long = select(*GROUP).where(tuple_(*GROUP).in_(groups)).group_by(*GROUP).having(func.count() > MOST_VALUES)
    return [(row[0], row[1], row[2]) for row in session.execute(long)]


def _merge_rest(session: Session, group: Group, is_complete: bool) -> None:
    """Put the values that a folded day does not keep into OTHER."""
    these = [column == each for column, each in zip(GROUP, group, strict=True)]
    rows = session.execute(select(InsightSum.__table__).where(*these)).all()
    rest = sorted(rows, key=lambda row: (row.value == OTHER, -row.visits, row.value))[MOST_VALUES:]
    if len(rest) == 1 and rest[0].value == OTHER:
        return
    other = _other(session, group, rest) if is_complete else _Sums.of(rest, None)
    for at in range(0, len(rest), SLICE):
        values = [row.value for row in rest[at : at + SLICE]]
        session.execute(delete(InsightSum).where(*these, InsightSum.value.in_(values)))
    session.execute(insert(InsightSum).values(**dict(zip(KEY, (*group, OTHER), strict=True)), **other._asdict()))


def remove_facts(session: Session, first_kept: str, after: int, upto: int) -> None:
    """Of visits of days before `first_kept`, with ids over `after` and up to `upto`."""
    old = (VisitFact.visit_id > after, VisitFact.visit_id <= upto, VisitFact.day < day_number(first_kept))
    session.execute(delete(VisitFact).where(*old).execution_options(synchronize_session=False))


class _Sums(NamedTuple):
    visits: int
    new_visitors: int
    count: int  # type: ignore[assignment]
    visitors: int | None
    people: None = None

    @classmethod
    def of(cls, rows: list[Any], visitors: int | None) -> _Sums:
        visits, new_visitors, counts = zip(*((row.visits, row.new_visitors, row.count) for row in rows), strict=True)
        return cls(sum(visits), sum(new_visitors), sum(counts), visitors)


def _other(session: Session, group: Group, rows: list[Any]) -> _Sums:
    """Of several values; the number of their visitors, if all people are known."""
    if any(row.people is None for row in rows):
        return _Sums.of(rows, None)
    scope, _, period = group
    whole = (InsightSum.scope == scope, InsightSum.dimension == TOTAL, InsightSum.period == period)
    everyone = None
    if any(is_rest(row.people) for row in rows):
        everyone = unpacked(bytes(session.execute(select(InsightSum.people).where(*whole)).scalar_one() or b""))
    people = unpacked(bytes(rows[0].people), everyone)
    for row in rows[1:]:
        people |= unpacked(bytes(row.people), everyone)
    return _Sums.of(rows, len(people))


def _complete(session: Session, groups: Sequence[Group]) -> set[Group]:
    """Those whose rows have all visits of the scope and period; others were folded, in part, before there were sums."""
    by_hour = [group for group in groups if group[1] == HOUR]
    by_day = [group for group in groups if group[1] != HOUR]
    return {
        *_as_stored(session, by_hour, HOUR, (HourlyVisits.scope, HourlyVisits.hour_s), HourlyVisits.visits),
        *_as_stored(session, by_day, TOTAL, (DailyVisits.scope, DailyVisits.day), DailyVisits.visits),
    }


def _as_stored(session: Session, groups: Sequence[Group], whole: str, key: tuple[Any, Any], visits: Any) -> list[Group]:
    """Those whose scope and period have as many visits in sums of the dimension `whole` as in the counters' table."""
    kind = int if whole == HOUR else str
    periods = sorted({(scope, period) for scope, _, period in groups})
    stored = select(*key, visits).where(tuple_(*key).in_([(scope, kind(period)) for scope, period in periods]))
    in_table = {(scope, str(period)): count for scope, period, count in session.execute(stored)}
    these = (InsightSum.dimension == whole, InsightSum.value == ALL)
    sums = select(InsightSum.scope, InsightSum.period, InsightSum.visits)
    summed = sums.where(*these, tuple_(InsightSum.scope, InsightSum.period).in_(periods))
    in_sums = {(scope, period): count for scope, period, count in session.execute(summed)}
    return [group for group in groups if in_table.get((group[0], group[2])) == in_sums.get((group[0], group[2]))]
