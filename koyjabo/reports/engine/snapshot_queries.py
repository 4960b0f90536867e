"""The snapshot that answers all reports of a request or page, from the first source that can."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock
from koyjabo.reports.engine import ledger_queries
from koyjabo.reports.engine.event_row_queries import EventCounts, EventRows
from koyjabo.reports.engine.event_sum_queries import EventSums
from koyjabo.reports.engine.groups import EVERYTHING, Group, Groups
from koyjabo.reports.engine.moment_queries import Moment
from koyjabo.reports.engine.raw_queries import Raw
from koyjabo.reports.engine.rollup_queries import Rollups
from koyjabo.reports.engine.unprojected_queries import ParsedVisits
from koyjabo.reports.projection.trait_parser import TraitParser
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.query.result_cache import ResultCache

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


class Snapshot(Moment):
    """The sources of one moment, each of which has the groups of a question by a key, or None."""

    def __init__(self, session: Session, clock: Clock, caches: Caches) -> None:
        super().__init__(session, clock, caches.parsed)
        self.rollups = Rollups(self, caches.closed)
        self._raw = Raw(self)
        self._may_scan = caches.may_scan
        self._events: dict[Question, EventCounts] = {}

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
        groups = self.rollups.by(question, key)
        return self.raw.by(question, key) if groups is None else groups

    def total(self, question: Question) -> Group:
        return self.by(question, EVERYTHING).get(None, Group())

    def events(self, question: Question) -> EventCounts:
        """Page views and events of a question."""
        if question not in self._events:
            rows = EventRows(self, question, lambda: self.raw) if question.filters else None
            self._events[question] = rows or EventSums(self, question)
        return self._events[question]

    def listed_communities(self, keys: Collection[str]) -> Collection[str]:
        """Those of the ids and refs that everybody may see."""
        return ledger_queries.community_names(self.session, keys, is_public=True)

    def peak(self, question: Question) -> int | None:
        return ledger_queries.peak(self.session, question)
