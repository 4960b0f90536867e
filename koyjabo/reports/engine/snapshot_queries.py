"""A snapshot of the database for all reports in a request or page: visits, page views and events."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock, shifted
from koyjabo.base.database.models import Counter as LedgerCounter
from koyjabo.base.models import Scope
from koyjabo.columns.columns import ColumnReading, Columns, LengthCounts
from koyjabo.columns.dimensions.dimensions import DIMENSION_NAMES, VIEWED_PAGE, Value, has_many
from koyjabo.columns.query.groups import EVERYTHING, NO_VISITS, VALUE, Group, Groups
from koyjabo.columns.query.periods import DAY, HOUR, MINUTE, period_of
from koyjabo.columns.query.report_query import FIRST_DAY, LAST_DAY, ReportQuery
from koyjabo.counting.models import DailyVisits, Event
from koyjabo.people.models import Community
from .results import REDUCED_VISITS_REASON

MAX_NAMES_AT_ONCE = 500
"""Maximum number of keys in one statement."""

# Each live update runs both. As SQL text, they take a fifth of the time that they would take as SQLAlchemy statements.
SELECT_PEAKS = text("""
SELECT max(people), max(CASE WHEN at_ms < coalesce(CAST(:until_ms AS BIGINT), at_ms + 1) THEN people END) FROM peaks
WHERE scope = :scope AND day BETWEEN :first AND :last
""")

SELECT_TOTAL = text("SELECT total FROM counters WHERE scope = :scope")


class Snapshot:
    """A consistent view of the database, through one session. It includes every visit acknowledged up to `at_ms`.
    `groups` has the keys that will be read, by query, so that rows are read only once for all keys.
    """

    def __init__(self, session: Session, clock: Clock, columns: ColumnReading) -> None:
        self.session, self.clock, self.at_ms = session, clock, clock.now_ms()
        self.columns = columns
        self.groups: defaultdict[ReportQuery, set[str]] = defaultdict(set)

    def by(self, query: ReportQuery, key: str) -> Groups:
        """Return a query's visits by period name, value, or None for everything."""
        return self.columns.sums.by(query, key, self.groups.get(query, ()))

    def total(self, query: ReportQuery) -> Group:
        return self.by(query, EVERYTHING).get(None, NO_VISITS)

    def reason(self, query: ReportQuery) -> str | None:
        """Return REDUCED if a visitor of the range may have several ids; None if not.

        A reduced visit has an id of its calendar month.
        """
        reduced_before = self.columns.sums.reduced_before
        last_reduced = min(query.last, shifted(reduced_before, -1)) if reduced_before else ""
        if last_reduced < query.first:
            return None
        is_one_id = last_reduced == query.last and query.first[:7] == query.last[:7]
        return None if is_one_id else REDUCED_VISITS_REASON

    def page_view_events(self, query: ReportQuery, granularity: str) -> Counter[str]:
        """Return the number of page view events by period name."""
        views: Counter[str] = Counter()
        if granularity in (MINUTE, HOUR):
            by_start = self.columns.sums.events_by(query, VIEWED_PAGE, granularity)
            views.update({self.clock.local(start_s): count for start_s, count in by_start.items()})
            return views
        for day, count in self.columns.sums.events_by(query, VIEWED_PAGE, DAY).items():
            views[period_of(day, granularity)] += count
        return views

    def lengths(self, query: ReportQuery) -> LengthCounts:
        """Return the attended times of measured visits."""
        return self.columns.sums.lengths(query, self.groups.get(query, ()))

    def present(self, query: ReportQuery) -> frozenset[str]:
        """Return the dimensions that a visit of the query, or an event of it, has a value of."""
        sums = self.columns.sums
        names = set(sums.present(query, self.groups.get(query, ())))
        of_events = (name for name in DIMENSION_NAMES if has_many(name))
        names.update(name for name in of_events if any(map(is_value, sums.events_by(query, name, VALUE))))
        if "page" in names:
            names.add(VIEWED_PAGE)
        return frozenset(names)

    def has_page_views(self, scope: Scope) -> bool:
        """Return whether the scope has had a `pageview` event."""
        return self.columns.sums.events_by(ReportQuery(FIRST_DAY, LAST_DAY, scope), VIEWED_PAGE, DAY).total() > 0


def is_value(value: Value) -> bool:
    return value is not None


def read_all(session: Session, clock: Clock, columns: Columns, requests: Sequence[Any]) -> list[Any]:
    """Return the results in the order of the requests, all from one snapshot. Raises StillCounting,
    LedgerUnavailable.
    """
    snapshot = Snapshot(session, clock, columns.read(session))
    for request in requests:
        for query, key in request.groups():
            snapshot.groups[query].add(key)
    return [request.read(snapshot) for request in requests]


def batched(keys: Collection[str], most: int) -> Iterator[list[str]]:
    rest = iter(keys)
    while some := list(islice(rest, most)):
        yield some


def first_day(session: Session, scope: Scope) -> str | None:
    return session.scalar(select(func.min(DailyVisits.day)).where(DailyVisits.scope == scope))


def peak(session: Session, query: ReportQuery) -> int | None:
    """Return the highest number of active visitors in the range.

    Returns None with a filter or `since_ms`, if nothing was measured, or if the maximum was reached after `until_ms` on
    the last day.
    """
    if query.filters or query.since_ms is not None:
        return None
    days = {"scope": query.scope, "first": query.first, "last": query.last}
    most, most_in_time = session.execute(SELECT_PEAKS, {**days, "until_ms": query.until_ms}).one()
    return most_in_time if most_in_time == most else None


def total(session: Session, scope: Scope) -> int:
    """Return a scope's latest visit number."""
    return session.scalar(SELECT_TOTAL, {"scope": scope}) or 0


def named_communities(session: Session, keys: Collection[str], is_public: bool = False) -> dict[str, Community]:
    """Return communities by id and by external id; with `is_public`, only listed ones."""
    named: dict[str, Community] = {}
    for some in batched(keys, MAX_NAMES_AT_ONCE):
        statement = select(Community).where(or_(Community.id.in_(some), Community.ref.in_(some)))
        if is_public:
            statement = statement.where(Community.is_listed, Community.archived_ms.is_(None))
        for community in session.scalars(statement):
            named.update({key: community for key in (community.id, community.ref) if key})
    return named


def version(session: Session, columns: Columns, query: ReportQuery) -> str:
    """Return a text that changes with visits, events, attended times and the peak, and when past days change."""
    counter = session.execute(
        select(LedgerCounter.epoch, LedgerCounter.revision).where(LedgerCounter.scope == query.scope)
    ).first()
    event, most = session.scalar(select(func.max(Event.id))), peak(session, query)
    state = columns.read(session).state
    return ".".join(map(str, (*(counter or ()), event, most, state.changes, state.attendance)))
