"""Plans the rows that a batch of events adds. Pure: both databases look up rows, plan, then write the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from koyjabo.core.clock import Clock
from koyjabo.database.json_rows import reader, stored_fields
from koyjabo.models import SITE, Event
from koyjabo.reports.events import records
from koyjabo.reports.events.records import PAGEVIEW, EventKey, NewEvent, NewEvents, Recorded
from koyjabo.reports.projection.additions import ALL, HOUR, OTHER, encoded

Found = tuple[int, bool]
"""(id, was recorded before)"""

Row = tuple[Any, ...]

EVENT, VIEWED_PAGE = "event", "viewed_page"
"""The dimensions of sums by day: events by name, page views by page; beside them `event:{name}:{property}`. HOUR has
the page views by hour.
"""

PROPERTIES = f"{EVENT}:"
"""How the dimensions of properties begin."""

REST = f"{PROPERTIES}{OTHER}"
"""A dimension with one value, OTHER: the properties that a day does not have, or has lost."""

PROPERTY = "property"
"""A dimension whose values are the properties of a day, `{name}:{property}`, until it is folded. Their counts mean
nothing.
"""

SumKey = tuple[str, str, str, str]
"""(scope, dimension, period, value); the value as `additions.encoded` writes it"""


class AssignedToEvent(NamedTuple):
    """The columns of an event that the ledger assigns. The others are fields of `NewEvent`."""

    id: int
    visit_id: int | None
    scope: str
    day: str
    hour_s: int
    props: str | None


SENT = stored_fields(Event, NewEvent._fields, AssignedToEvent._fields)
EVENT_COLUMNS = (*AssignedToEvent._fields, *SENT)
"""Of the rows in `EventPlan.rows`."""

_sent = reader(NewEvent._fields, SENT)


@dataclass(slots=True)
class KnownEvents:
    """The rows that the database already has for a batch, read under the lock of the writers of events."""

    newest: int  # the greatest id that an event ever had
    changes: int  # of stored sums, by others than writers of events (`projection.state_queries`)
    ids: dict[EventKey, int]  # of events that are retries
    visits: dict[str, tuple[int, str]]  # id and scope of the newest visit, by visitor_id


@dataclass(slots=True)
class EventPlan:
    """Rows to write, and the result for each event of each request."""

    rows: list[Row] = field(default_factory=list)  # of EVENT_COLUMNS
    sums: Counter[SumKey] = field(default_factory=Counter)
    found: list[list[Found]] = field(default_factory=list)
    grown: list[int] = field(default_factory=list)  # bytes stored by each request
    added: list[list[SumKey]] = field(default_factory=list)  # what each request adds to, the events of a sum one by one

    def sum_rows(self) -> list[Row]:
        """In the order of their keys, so that writers of several rows never wait for each other."""
        return [(*key, count) for key, count in sorted(self.sums.items())]

    def recorded(self) -> list[Recorded]:
        duplicates = [sum(is_known for _, is_known in each) for each in self.found]
        sizes = zip(self.found, duplicates, self.grown, strict=True)
        return [Recorded(len(each) - known, known, grown) for each, known, grown in sizes]


def property_of(dimension: str) -> tuple[str, str]:
    """The names in `event:{name}:{property}`."""
    _, name, property_ = dimension.split(":", 2)
    return name, property_


def keys(batch: list[NewEvents]) -> list[EventKey]:
    """The keys under which the events may have been recorded before."""
    events = [event for request in batch for event in request]
    own = {(event.visitor_id, event.event_id) for event in events}
    return list(own | {event.other_key for event in events if event.other_key})


def visitors(batch: list[NewEvents]) -> list[str]:
    return list({event.visitor_id for request in batch for event in request})


def plan(batch: list[NewEvents], known: KnownEvents, clock: Clock) -> EventPlan:
    """Assign an id to each new event. Changes `known`: a key that occurs twice is a retry the second time."""
    made = EventPlan()
    for request in batch:
        made.grown.append(0)
        made.added.append([])
        made.found.append([_find(made, event, known, clock) for event in request])
        made.sums.update(made.added[-1])
    return made


def _find(made: EventPlan, event: NewEvent, known: KnownEvents, clock: Clock) -> Found:
    key = (event.visitor_id, event.event_id)
    stored = known.ids.get(key)
    if stored is None and event.other_key:
        stored = known.ids.get(event.other_key)
    if stored is not None:
        return stored, True
    known.newest += 1
    known.ids[key] = known.newest
    visit_id, scope = known.visits.get(event.visitor_id, (None, SITE))
    day, hour_s = clock.bucket(event.at_ms)
    props = records.props_text(event)
    made.rows.append((*AssignedToEvent(known.newest, visit_id, scope, day, hour_s, props), *_sent(event)))
    made.grown[-1] += records.of_row(event, props)
    for each in {SITE, scope}:
        made.added[-1].extend((each, *counted) for counted in _counted(event, day, hour_s))
    return known.newest, False


def _counted(event: NewEvent, day: str, hour_s: int) -> Iterator[tuple[str, str, str]]:
    """The sums to which an event adds: dimension, period and value."""
    if event.name == PAGEVIEW:
        yield VIEWED_PAGE, day, encoded(event.page)
        yield HOUR, str(hour_s), ALL
    else:
        yield EVENT, day, event.name
    yield from of_properties(event.name, event.props, day)


def of_properties(event: str, props: Mapping[str, str], day: str) -> Iterator[tuple[str, str, str]]:
    """The sums to which the properties of an event add: dimension, period and value."""
    for name, value in props.items():
        yield f"{PROPERTIES}{event}:{name}", day, encoded(value)
