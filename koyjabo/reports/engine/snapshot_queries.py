"""One moment of the database, for all answers of a request or page: what these need to know is read once."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from functools import cached_property
from typing import NamedTuple

from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock, Days
from koyjabo.counting.queries import id_range
from koyjabo.reports.engine import ledger_queries
from koyjabo.reports.engine.event_row_queries import EventCounts, EventRows
from koyjabo.reports.engine.event_sum_queries import EventSums
from koyjabo.reports.engine.groups import EVERYTHING, Group, Groups
from koyjabo.reports.engine.raw_queries import Raw
from koyjabo.reports.engine.rollup_queries import Rollups
from koyjabo.reports.engine.unprojected_queries import ParsedVisits, Unprojected
from koyjabo.reports.projection import state_queries, sum_queries
from koyjabo.reports.query.ranges import MARGIN
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.query.result_cache import ResultCache
from koyjabo.reports.traits.parser import TraitParser

MOST_CACHED = 32_000_000
"""Bytes, about, of sums of closed days."""

MOST_ANSWERS = 1_000


class Caches(NamedTuple):
    """What a thread of the database keeps from one snapshot to the next."""

    may_scan: bool  # whether it is the thread for what takes seconds
    parsed: ParsedVisits
    closed: ResultCache  # sums of closed days
    answers: ResultCache  # about closed days

    @classmethod
    def new(cls, parser: TraitParser, may_scan: bool) -> Caches:
        return cls(may_scan, ParsedVisits(parser), ResultCache(MOST_CACHED), ResultCache(MOST_ANSWERS))


class NeedsScan(Exception):
    """Single visits have to be read, on the thread for what takes seconds."""


class Snapshot:
    """The session reads one moment of the database. `wanted` are the keys of the groups that will be asked for, by
    question, so that one scan reads them all.
    """

    def __init__(self, session: Session, clock: Clock, caches: Caches) -> None:
        self.session, self.clock = session, clock
        self.state, self.newest = state_queries.read(session), state_queries.newest_visit(session)
        self._parsed = caches.parsed
        self.rollups = Rollups(self, caches.closed)
        self.wanted: defaultdict[Question, set[str]] = defaultdict(set)
        self._raw = Raw(self)
        self._may_scan = caches.may_scan
        self._folded: dict[tuple[str, str, str], set[str]] = {}
        self._events: dict[Question, EventCounts] = {}
        self._ids: dict[tuple[str, str], tuple[int, int]] = {}

    @cached_property
    def unprojected(self) -> Unprojected:
        """Raises StillCounting."""
        visits = self._parsed.read(self.session, self.state, self.newest)
        return Unprojected(self.session, visits, self.state.watermark)

    @property
    def raw(self) -> Raw:
        """Raises NeedsScan."""
        if not self._may_scan:
            raise NeedsScan
        return self._raw

    def by(self, question: Question, key: str) -> Groups:
        """The groups of a question, from the first source that has them.

        Raises NeedsScan, StillCounting, LedgerUnavailable.
        """
        found = self.rollups.by(question, key)
        return self.raw.by(question, key) if found is None else found

    def total(self, question: Question) -> Group:
        return self.by(question, EVERYTHING).get(None, Group())

    def events(self, question: Question) -> EventCounts:
        """Page views and events of a question."""
        if question not in self._events:
            self._events[question] = (EventRows if question.filters else EventSums)(self, question)
        return self._events[question]

    def peak(self, question: Question) -> int | None:
        return ledger_queries.peak(self.session, question)

    @cached_property
    def newest_day(self) -> str:
        """The newest day with sums, "" without any."""
        return sum_queries.newest_day(self.session)

    def folded_days(self, question: Question) -> set[str]:
        """The days of the range of which visits are folded, all or some."""
        key = (question.scope, question.first, question.last)
        if key not in self._folded:
            self._folded[key] = ledger_queries.folded_days(self.session, question)
        return self._folded[key]

    def ids(self, first: str, last: str) -> tuple[int, int]:
        """Ids of visits over the first, up to the second: they have all visits of these days."""
        if (first, last) not in self._ids:
            days = Days(date.fromisoformat(first) - MARGIN, date.fromisoformat(last) + MARGIN)
            self._ids[first, last] = id_range(self.session, *self.clock.range_ms(days))
        return self._ids[first, last]

    def fact_ids(self, question: Question) -> tuple[int, int]:
        """The same of visits that have facts."""
        after, upto = self.ids(question.first, question.last)
        return after, min(upto, self.state.watermark)
