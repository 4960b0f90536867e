"""The snapshot that answers all reports of a request or page: rows that are there, and sums of folded days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock
from koyjabo.models import Scope
from koyjabo.reports.engine import ledger_queries
from koyjabo.reports.engine.event_counts import EventCounts
from koyjabo.reports.folded.folded_queries import FoldedDays, folded_days
from koyjabo.reports.live.live import Live
from koyjabo.reports.query.groups import EVERYTHING, Group, Groups, VisitSet
from koyjabo.reports.query.report_query import Question, Value


class Snapshot:
    """The session reads one moment of the database. `wanted` are the keys of the groups that will be asked for, by
    question, so that the same rows are read once for all. It has every visit that was acknowledged until `at_ms`.
    """

    def __init__(self, session: Session, clock: Clock, live: Live) -> None:
        self.session, self.clock, self.at_ms = session, clock, clock.now_ms()
        self._kept = live
        self.wanted: defaultdict[Question, set[str]] = defaultdict(set)
        self._folded: dict[Question, FoldedDays | None] = {}
        self._events: dict[Question, EventCounts] = {}

    @cached_property
    def _live(self) -> Live:
        """Reads all new rows of the moment when it is first used. Raises StillCounting."""
        self._kept.refresh(self.session)
        return self._kept

    def by(self, question: Question, key: str) -> Groups:
        """The visits of a question, by the name of a period, a value, REST, (weekday, hour), or None for everything."""
        folded = self.folded(question)
        return folded.by(key) if folded else self._ask(question, key)

    def folded(self, question: Question) -> FoldedDays | None:
        """What is known of the folded days of a question; None without any."""
        if question not in self._folded:
            days = {day for day in self._folded_days(question.scope) if question.first <= day <= question.last}
            folded = FoldedDays(self.session, self.clock, question, days, self._ask) if days else None
            self._folded[question] = folded
        return self._folded[question]

    def total(self, question: Question) -> Group:
        return self.by(question, EVERYTHING).get(None, Group())

    def events(self, question: Question) -> EventCounts:
        """Page views and events of a question."""
        if question not in self._events:
            counts = EventCounts(self.session, self.clock, self._live, question)
            self._events[question] = counts
        return self._events[question]

    def visits_by_value(self, question: Question, dimension: str) -> dict[Value, VisitSet]:
        """The visits of a question by a value of their events. Not of folded days."""
        return self._live.visits_by_value(self.session, question, dimension)

    def peak(self, question: Question) -> int | None:
        return ledger_queries.peak(self.session, question)

    def _folded_days(self, scope: Scope) -> set[str]:
        known = self._live.of_version
        if scope not in known:
            known[scope] = folded_days(self.session, scope, self._live.folded_before)
        days: set[str] = known[scope]
        return days

    def _ask(self, question: Question, key: str) -> Groups:
        return self._live.by(self.session, question, key, self.wanted.get(question, ()))


def answer_all(session: Session, clock: Clock, live: Live, requests: Sequence[Any]) -> list[Any]:
    """In the order of the requests, all of one moment. Raises StillCounting, LedgerUnavailable."""
    snapshot = Snapshot(session, clock, live)
    for request in requests:
        for question, key in request.wanted():
            snapshot.wanted[question].add(key)
    return [request.answer(snapshot) for request in requests]
