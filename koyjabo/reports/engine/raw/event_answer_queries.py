"""The page views and events of a question, and its values of VIEWED_PAGE, EVENT and properties."""

from __future__ import annotations

from collections import Counter

from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock
from koyjabo.reports.engine.answers import Breakdown, Row, Sums
from koyjabo.reports.engine.raw.condition_queries import value
from koyjabo.reports.engine.raw.event_row_queries import EventRows
from koyjabo.reports.engine.raw.event_sum_queries import EventSums
from koyjabo.reports.engine.raw.event_value_queries import Visits, visits_by_value
from koyjabo.reports.engine.raw.group_queries import Rows
from koyjabo.reports.engine.raw.ledger_queries import folded_days
from koyjabo.reports.events.event_plan import VIEWED_PAGE
from koyjabo.reports.query.periods import HOUR, period_of
from koyjabo.reports.query.reasons import FOLDED, FOLDED_EVENTS
from koyjabo.reports.query.report_query import Question, Value
from koyjabo.reports.traits.parser import TraitParser

UNKNOWN = (None, None, None)


def counts(session: Session, parser: TraitParser, clock: Clock, question: Question) -> EventRows | EventSums:
    return EventRows(session, question, parser, clock) if question.filters else EventSums(session, question, clock)


def views_by_period(events: EventRows | EventSums, clock: Clock, granularity: str) -> Counter[str]:
    """Page views that are events, by the name of the period."""
    found: Counter[str] = Counter()
    if granularity == HOUR:
        return Counter({clock.local(hour_s): count for hour_s, count in events.by_hour(clock).items()})
    for day, count in events.by_day().items():
        found[period_of(day, granularity)] += count
    return found


def periods_without_views(events: EventRows | EventSums, clock: Clock, granularity: str) -> set[str]:
    """The names of the periods of which page views are not known."""
    hours = events.incomplete_hours()
    if granularity == HOUR:
        return set(map(clock.local, hours))
    return {period_of(clock.local(hour_s)[:10], granularity) for hour_s in hours}


def breakdown(
    session: Session, parser: TraitParser, clock: Clock, question: Question, dimension: str, limit: int, offset: int
) -> Breakdown:
    """Values with the most visits first. `other` has the visits, visitors and events of all values that are not shown;
    visits without a value are in neither.
    """
    events = counts(session, parser, clock, question)
    if events.incomplete_hours():
        return Breakdown([], Sums(*UNKNOWN), Sums(*UNKNOWN), 0, FOLDED_EVENTS)
    counted = events.by_value(dimension)
    if folded_days(session, question):
        return _of_counts(events, dimension, counted, limit, offset)
    rows = Rows(session, question, parser, clock)
    found = visits_by_value(rows, question, dimension)
    if dimension == VIEWED_PAGE:
        pages = rows.by(question, lambda arm: value(arm, "page", question.scope), with_people=False)
        counted.update({page: group.visits for page, group in pages.items() if page is not None})
    values = {each: found.get(each, Visits.none()) for each in found.keys() | counted.keys()}
    order = sorted(values, key=lambda each: (-len(values[each].all), -counted[each], each is not None, each or ""))
    shown, other = order[offset : offset + limit], Visits.none()
    for each in values.keys() - set(shown):
        other.take(values[each])
    whole, count = rows.all(question), sum(counted.values()) + events.other(dimension)
    complete = events.complete(dimension, shown)
    listed = [
        Row(
            each,
            each or "",
            values[each].sums(counted[each]),
            len(values[each].all) / (whole.visits or 1),
            at_least=each not in complete,
        )
        for each in shown
    ]
    rest = count - sum(counted[each] for each in shown)
    return Breakdown(listed, other.sums(rest), Sums(*whole.sums[:3], count), len(values), None)


def _of_counts(
    events: EventRows | EventSums, dimension: str, counted: Counter[Value], limit: int, offset: int
) -> Breakdown:
    """Of days whose visits are folded: how often is known for ever."""
    order = sorted(counted, key=lambda each: (-counted[each], each is not None, each or ""))
    shown, total = order[offset : offset + limit], sum(counted.values()) + events.other(dimension)
    rest, complete = total - sum(counted[each] for each in shown), events.complete(dimension, shown)
    rows = [Row(each, each or "", Sums(*UNKNOWN, counted[each]), 0.0, at_least=each not in complete) for each in shown]
    return Breakdown(rows, Sums(*UNKNOWN, rest), Sums(*UNKNOWN, total), len(order), FOLDED)
