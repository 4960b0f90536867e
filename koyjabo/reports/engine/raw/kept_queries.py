"""Keeps answers about closed days, those before the newest day with sums, until something changes these."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock, shifted
from koyjabo.models import SITE, EventSum, Visit
from koyjabo.reports.engine.raw.event_queries import is_of_events
from koyjabo.reports.events.event_plan import EVENT
from koyjabo.reports.projection import state_queries, sum_queries
from koyjabo.reports.projection.encoding import HOUR
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.query.result_cache import ResultCache
from koyjabo.reports.traits.parser import TraitParser

Answer = TypeVar("Answer")

MOST_KEPT = 1_000
"""Answers."""

LATE = (
    select(Visit.id).where(Visit.id > bindparam("after"), Visit.day.between(bindparam("first"), bindparam("last")))
).limit(1)


class KeptAnswers:
    """For one thread."""

    def __init__(self, parser: TraitParser, clock: Clock) -> None:
        self._parser = parser
        self._clock = clock
        self._answers = ResultCache(MOST_KEPT)

    def answer(self, session: Session, operation: Callable[..., Answer], question: Question, *args: Any) -> Answer:
        """What an operation of `answer_queries` answers in this snapshot."""
        version = _version(session, question, self._clock, args)
        key = repr((operation.__name__, question, args))
        found = None if version is None else self._answers.get(key, version)
        if found is None:
            found = [operation(session, self._parser, self._clock, question, *args)]
            if version is not None:
                self._answers.store(key, version, found)
        answer: Answer = found[0]
        return answer


def _version(session: Session, question: Question, clock: Clock, args: tuple[Any, ...]) -> Hashable:
    """The same as long as no answer can change; None if one may. A visit of a closed day may have new events."""
    names = [*question.filters, *(each for each in args if isinstance(each, str))]
    state = state_queries.read(session)
    if any(map(is_of_events, names)) or not state.is_current or question.last >= sum_queries.newest_day(session):
        return None
    first = min(question.first, *(each.first for each in args if isinstance(each, Question)), question.last)
    if session.scalar(LATE, {"after": state.upto, "first": first, "last": question.last}):
        return None
    return state.changes, _events(session, first, question.last, clock)


def _events(session: Session, first: str, last: str, clock: Clock) -> int:
    """How many page views and events there were on these days, to notice late ones."""
    began, ended = (str(clock.began_s(day)) for day in (first, shifted(last, 1)))
    by_day = (EventSum.dimension == EVENT, EventSum.period.between(first, last))
    by_hour = (EventSum.dimension == HOUR, EventSum.period >= began, EventSum.period < ended)
    counts = select(func.sum(EventSum.count)).where(EventSum.scope == SITE, or_(and_(*by_day), and_(*by_hour)))
    return int(session.scalar(counts) or 0)
