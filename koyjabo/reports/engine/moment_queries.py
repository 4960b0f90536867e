"""One moment of the database, as all sources of a snapshot see it: what they need to know is read once."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from functools import cached_property

from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock, Days
from koyjabo.counting.queries import id_range
from koyjabo.reports.engine import ledger_queries
from koyjabo.reports.engine.unprojected_queries import ParsedVisits, Unprojected
from koyjabo.reports.projection import state_queries, sum_queries
from koyjabo.reports.query.ranges import MARGIN
from koyjabo.reports.query.report_query import Question


class Moment:
    """The session reads one moment of the database. `wanted` are the keys of the groups that will be asked for, by
    question, so that one scan reads them all. It has every visit that was acknowledged until `at_ms`.
    """

    def __init__(self, session: Session, clock: Clock, parsed: ParsedVisits) -> None:
        self.session, self.clock, self.at_ms = session, clock, clock.now_ms()
        self.state, self.newest = state_queries.read(session), state_queries.newest_visit(session)
        self.wanted: defaultdict[Question, set[str]] = defaultdict(set)
        self._parsed = parsed
        self._folded: dict[tuple[str, str, str], set[str]] = {}
        self._ids: dict[tuple[str, str], tuple[int, int]] = {}

    @cached_property
    def unprojected(self) -> Unprojected:
        """Raises StillCounting."""
        visits = self._parsed.read(self.session, self.state, self.newest)
        return Unprojected(self.session, visits, self.state.watermark)

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
