"""A snapshot of the database for all reports in a request or page: visits, page views and events."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock, shifted
from koyjabo.base.models import Community, Counter as LedgerCounter, DailyVisits, Event, Scope
from koyjabo.reports.live.live import Live
from koyjabo.reports.live.visit_sums import LengthCounts
from koyjabo.reports.log import block_queries
from koyjabo.reports.query.groups import EVERYTHING, NO_VISITS, Group, Groups
from koyjabo.reports.query.report_query import DAY, HOUR, MINUTE, VIEWED_PAGE, Question, period_of
from .results import REDUCED


class Snapshot:
    """A consistent view of the database, through one session. It includes every visit acknowledged up to `at_ms`.
    `groups` has the keys that will be read, by question, so that rows are read only once for all keys.
    """

    def __init__(self, session: Session, clock: Clock, live: Live) -> None:
        self.session, self.clock, self.at_ms = session, clock, clock.now_ms()
        self._live = live
        self.groups: defaultdict[Question, set[str]] = defaultdict(set)

    @cached_property
    def live(self) -> Live:
        """The rows and their sums. Reads all new rows on first use. Raises StillCounting."""
        self._live.refresh(self.session)
        return self._live

    def by(self, question: Question, key: str) -> Groups:
        """Return a question's visits by period name, value, or None for everything."""
        return self.live.by(question, key, self.groups.get(question, ()))

    def total(self, question: Question) -> Group:
        return self.by(question, EVERYTHING).get(None, NO_VISITS)

    def reason(self, question: Question) -> str | None:
        """Return REDUCED if a visitor of the range may have several ids; None if not.

        A reduced visit has an id of its calendar month.
        """
        reduced_before = self.live.reduced_before
        last_reduced = min(question.last, shifted(reduced_before, -1)) if reduced_before else ""
        if last_reduced < question.first:
            return None
        is_one_id = last_reduced == question.last and question.first[:7] == question.last[:7]
        return None if is_one_id else REDUCED

    def page_view_events(self, question: Question, granularity: str) -> Counter[str]:
        """Return the number of page view events by period name."""
        views: Counter[str] = Counter()
        if granularity in (MINUTE, HOUR):
            by_start = self.live.events_by(question, VIEWED_PAGE, granularity)
            views.update({self.clock.local(start_s): count for start_s, count in by_start.items()})
            return views
        for day, count in self.live.events_by(question, VIEWED_PAGE, DAY).items():
            views[period_of(day, granularity)] += count
        return views

    def lengths(self, question: Question) -> LengthCounts:
        """Return the attended times of measured visits."""
        return self.live.lengths(question, self.groups.get(question, ()))


def read_all(session: Session, clock: Clock, live: Live, requests: Sequence[Any]) -> list[Any]:
    """Return the results in the order of the requests, all from one snapshot. Raises StillCounting,
    LedgerUnavailable.
    """
    snapshot = Snapshot(session, clock, live)
    for request in requests:
        for question, key in request.groups():
            snapshot.groups[question].add(key)
    return [request.read(snapshot) for request in requests]


AT_ONCE = 500
"""Maximum number of keys in one statement."""

# Each live update runs both. As SQL text, they take a fifth of the time that they would take as SQLAlchemy statements.
PEAKS = text("""
SELECT max(people), max(CASE WHEN at_ms < coalesce(CAST(:until_ms AS BIGINT), at_ms + 1) THEN people END) FROM peaks
WHERE scope = :scope AND day BETWEEN :first AND :last
""")
TOTAL = text("SELECT total FROM counters WHERE scope = :scope")


def batched(keys: Collection[str], most: int) -> Iterator[list[str]]:
    rest = iter(keys)
    while some := list(islice(rest, most)):
        yield some


def first_day(session: Session, scope: Scope) -> str | None:
    return session.scalar(select(func.min(DailyVisits.day)).where(DailyVisits.scope == scope))


def peak(session: Session, question: Question) -> int | None:
    """Return the highest number of active visitors in the range.

    Returns None with a filter or `since_ms`, if nothing was measured, or if the maximum was reached after `until_ms` on
    the last day.
    """
    if question.filters or question.since_ms is not None:
        return None
    days = {"scope": question.scope, "first": question.first, "last": question.last}
    most, most_in_time = session.execute(PEAKS, {**days, "until_ms": question.until_ms}).one()
    return most_in_time if most_in_time == most else None


def total(session: Session, scope: Scope) -> int:
    """Return a scope's latest visit number."""
    return session.scalar(TOTAL, {"scope": scope}) or 0


def named_communities(session: Session, keys: Collection[str], is_public: bool = False) -> dict[str, Community]:
    """Return communities by id and by external id; with `is_public`, only listed ones."""
    named: dict[str, Community] = {}
    for some in batched(keys, AT_ONCE):
        query = select(Community).where(or_(Community.id.in_(some), Community.ref.in_(some)))
        if is_public:
            query = query.where(Community.is_listed, Community.archived_ms.is_(None))
        for community in session.scalars(query):
            named.update({key: community for key in (community.id, community.ref) if key})
    return named


def version(session: Session, question: Question) -> str:
    """Return a text that changes with visits, events, attended times and the peak, and when past days change."""
    counter = session.execute(
        select(LedgerCounter.epoch, LedgerCounter.revision).where(LedgerCounter.scope == question.scope)
    ).first()
    event, most = session.scalar(select(func.max(Event.id))), peak(session, question)
    state = block_queries.read_state(session)
    return ".".join(map(str, (*(counter or ()), event, most, state.changes, state.attendance)))
