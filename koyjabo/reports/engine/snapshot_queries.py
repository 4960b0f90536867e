"""A snapshot of the database for all reports in a request or page: stored rows, and sums of rolled-up days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Any

from pyroaring import BitMap
from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock
from koyjabo.models import Scope
from koyjabo.reports.engine import ledger_queries
from koyjabo.reports.engine.event_counts import EventCounts
from koyjabo.reports.live.live import Live
from koyjabo.reports.query.groups import EVERYTHING, Attended, Group, Groups, VisitSet
from koyjabo.reports.query.report_query import Question, Value
from koyjabo.reports.rolled_up.folded_queries import RolledUpDays, folded_days


class Snapshot:
    """A consistent view of the database, through one session. It includes every visit acknowledged up to `at_ms`.
    `groups` has the keys that will be read, by question, so that rows are read only once for all keys.
    """

    def __init__(self, session: Session, clock: Clock, live: Live) -> None:
        self.session, self.clock, self.at_ms = session, clock, clock.now_ms()
        self._kept = live
        self.groups: defaultdict[Question, set[str]] = defaultdict(set)
        self._folded: dict[Question, RolledUpDays | None] = {}
        self._events: dict[Question, EventCounts] = {}

    @cached_property
    def _live(self) -> Live:
        """The live rows. Reads all new rows on first use. Raises StillCounting."""
        self._kept.refresh(self.session)
        return self._kept

    def by(self, question: Question, key: str) -> Groups:
        """Return a question's visits by period name, value, REST, (weekday, hour), or None for everything."""
        folded = self.folded(question)
        return folded.by(key) if folded else self._ask(question, key)

    def folded(self, question: Question) -> RolledUpDays | None:
        """Return what is known about a question's rolled-up days, or None if it has none."""
        if question not in self._folded:
            days = {day for day in self._folded_days(question.scope) if question.first <= day <= question.last}
            folded = RolledUpDays(self.session, self.clock, question, days, self._ask) if days else None
            self._folded[question] = folded
        return self._folded[question]

    def total(self, question: Question) -> Group:
        return self.by(question, EVERYTHING).get(None, Group())

    def events(self, question: Question) -> EventCounts:
        """Return a question's page views and events."""
        if question not in self._events:
            counts = EventCounts(self.session, self.clock, self._live, question)
            self._events[question] = counts
        return self._events[question]

    def visits_by_value(self, question: Question, dimension: str) -> dict[Value, VisitSet]:
        """Return a question's visits by the values of their events. Does not include rolled-up days."""
        return self._live.visits_by_value(self.session, question, dimension)

    def attended(self, question: Question, key: Hashable, ids: BitMap) -> Attended:
        """Return the attended visits in a set of a question's visits. The question must not have rolled-up days. `key`
        names the set.
        """
        return self._live.attended(self.session, question, key, ids)

    def median_s(self, question: Question) -> int | None:
        """Return the lower median of attended times in s; None if there are rolled-up days, or if nothing was
        measured.
        """
        others = self.groups.get(question, ())
        return None if self.folded(question) else self._live.median_s(self.session, question, others)

    def peak(self, question: Question) -> int | None:
        return ledger_queries.peak(self.session, question)

    def _folded_days(self, scope: Scope) -> set[str]:
        known = self._live.of_version
        if scope not in known:
            known[scope] = folded_days(self.session, scope, self._live.folded_before)
        days: set[str] = known[scope]
        return days

    def _ask(self, question: Question, key: str) -> Groups:
        return self._live.by(self.session, question, key, self.groups.get(question, ()))


def read_all(session: Session, clock: Clock, live: Live, requests: Sequence[Any]) -> list[Any]:
    """Return the results in the order of the requests, all from one snapshot. Raises StillCounting,
    LedgerUnavailable.
    """
    snapshot = Snapshot(session, clock, live)
    for request in requests:
        for question, key in request.groups():
            snapshot.groups[question].add(key)
    return [request.read(snapshot) for request in requests]
