"""Computes a day's sums before it is rolled up, from the figures that reports show while the day still has rows."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from koyjabo.base.core.urls import normal
from koyjabo.base.models import SITE, Scope
from koyjabo.reports.events.records import PAGEVIEW
from koyjabo.reports.live.live import Live
from koyjabo.reports.log.block_queries import LogState, Reading
from koyjabo.reports.query import report_query
from koyjabo.reports.query.groups import EVERYTHING, VALUE, Group, merged
from koyjabo.reports.query.parameters import COMMUNITY
from koyjabo.reports.query.report_query import (
    ADDRESSES,
    ATTENDED,
    EVENT,
    EVIDENCE,
    OWN,
    PROPERTIES,
    TRAITS,
    VIEWED_PAGE,
    Question,
    Value,
)

TOTAL, HOUR = "total", "hour"
"""Dimensions whose only value is ALL: visits by day and by hour, and page views by hour. `count` is the number of
visits with a page.
"""

ALL = ""
MARK = "~"
NONE = MARK
OTHER = "~other"
"""The value that replaces all values of a rolled-up day that are not among its largest."""

REST = f"{PROPERTIES}{OTHER}"
"""A dimension with OTHER as its only value, for the properties that a rolled-up day has lost."""

MAX_VALUES = 1_000
"""Maximum number of values per dimension other than PAGES, and of properties, that a rolled-up day keeps
(specification: Reports).
"""

PAGES = ("page", VIEWED_PAGE)
"""Dimensions that keep all values (specification: Page numbers)."""

DIMENSIONS = ("page", COMMUNITY, *TRAITS, ATTENDED, EVIDENCE, OWN)


class DaySum(NamedTuple):
    """A row of `insight_sums` without its scope. `visitors` counts distinct visitors."""

    dimension: str
    period: str
    value: str
    visits: int
    new_visitors: int
    count: int  # type: ignore[assignment]
    attended: int
    attended_ms: int
    visitors: int


class EventCount(NamedTuple):
    """A row of `event_sums` without its scope."""

    dimension: str
    period: str
    value: str
    count: int  # type: ignore[assignment]


class SumsOfDay(NamedTuple):
    """The sums of one day by scope. `seen` is the state of the log when the day's rows were read."""

    day: str
    seen: LogState
    visits: Mapping[Scope, list[DaySum]]
    events: Mapping[Scope, list[EventCount]]


def of_day(session: Reading, live: Live, day: str) -> SumsOfDay:
    """Compute a day's sums. The session must read from a snapshot. Raises StillCounting."""
    seen = live.refresh(session)
    scopes = live.scopes(day)
    visits = {scope: list(_visits(live, Question(day, day, scope))) for scope in scopes}
    events = {scope: list(_events(live, Question(day, day, scope))) for scope in scopes}
    return SumsOfDay(day, seen, visits, events)


def _visits(live: Live, question: Question) -> Iterator[DaySum]:
    keys = (EVERYTHING, report_query.HOUR, *DIMENSIONS)
    for group in live.by(question, EVERYTHING, keys).values():
        yield _sum(TOTAL, question.first, ALL, group)
    for local, group in live.by(question, report_query.HOUR).items():
        yield _sum(HOUR, hour(int(datetime.fromisoformat(local).timestamp())), ALL, group)
    for dimension in DIMENSIONS:
        if dimension == COMMUNITY and question.scope != SITE:
            continue
        groups = live.by(question, dimension)
        kept, others = _largest({value: group.visits or 0 for value, group in groups.items()}, dimension)
        for value in kept:
            yield _sum(dimension, question.first, encoded(value), groups[value])
        if others:
            yield _sum(dimension, question.first, OTHER, merged([groups[value] for value in others]))


def _sum(dimension: str, period: str, value: str, group: Group) -> DaySum:
    pages = group.pages if dimension in (TOTAL, HOUR) else 0
    sums = (group.visits, group.new, pages, group.attended, group.attended_ms, group.visitors)
    return DaySum(dimension, period, value, *(number or 0 for number in sums))


def _events(live: Live, question: Question) -> Iterator[EventCount]:
    day = question.first
    for hour_s, count in live.events_by(question, VIEWED_PAGE, report_query.HOUR).items():
        yield EventCount(HOUR, str(hour_s), ALL, count)
    kept = {}
    for dimension in (VIEWED_PAGE, EVENT):
        kept[dimension] = list(_counts(dimension, day, live.events_by(question, dimension, VALUE)))
        yield from kept[dimension]
    names = {PAGEVIEW, *(event.value for event in kept[EVENT])}
    counts = live.properties(question)
    totals = {name: values.total() for name, values in counts.items()}
    if OTHER in names:
        totals = {name: total for name, total in totals.items() if name.partition(":")[0] in names}
    properties, _ = _largest(totals)
    for name in properties:
        yield from _counts(f"{PROPERTIES}{name}", day, counts[name])
    lost = sum(counts[name].total() for name in counts.keys() - set(properties))
    if lost:
        yield EventCount(REST, day, OTHER, lost)


def _counts(dimension: str, day: str, counts: Mapping[Any, int]) -> Iterator[EventCount]:
    kept, others = _largest(counts, dimension)
    for value in kept:
        yield EventCount(dimension, day, encoded(value), counts[value])
    if others:
        yield EventCount(dimension, day, OTHER, sum(map(counts.__getitem__, others)))


def _largest(counts: Mapping[Any, int], dimension: str = "") -> tuple[list[Any], list[Any]]:
    """Return the values to keep, largest first, and all others. All pages are kept, so that each has its number."""
    order = sorted(counts, key=lambda value: (-counts[value], encoded(value)))
    if dimension in PAGES:
        return order, []
    return order[:MAX_VALUES], order[MAX_VALUES:]


def encoded(value: Value) -> str:
    """Return the `value` column of `insight_sums` and `event_sums`."""
    if value is None:
        return NONE
    return MARK + value if value.startswith(MARK) else value


def named(dimension: str, text: str) -> Value:
    """Return a value from its column. Earlier versions stored addresses in several spellings."""
    value = decoded(text)
    return normal(value) if value and dimension in ADDRESSES else value


def texts_of(dimension: str, value: Value) -> Collection[str]:
    """Return the columns that may have a value."""
    return [encoded(normal(value) if value and dimension in ADDRESSES else value)]


def decoded(text: str) -> Value:
    """Reverse `encoded`. OTHER is not one of its results."""
    if text == NONE:
        return None
    return text.removeprefix(MARK)


def hour(hour_s: int) -> str:
    """Return the `period` value for an hour of visits, as text that sorts like the number."""
    return f"{hour_s:010}"
