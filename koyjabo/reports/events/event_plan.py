"""Plans the rows that a batch of events adds. Does no I/O: each database's module looks up rows, makes the plan, and
then writes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from koyjabo.core.clock import Clock
from koyjabo.database.json_rows import reader, stored_fields
from koyjabo.models import SITE, Event
from koyjabo.reports.events import records
from koyjabo.reports.events.records import EventKey, NewEvent, NewEvents, Recorded

Found = tuple[int, bool]
"""The id, and whether the event was recorded before."""

Row = tuple[Any, ...]


class AssignedToEvent(NamedTuple):
    """Columns of an event that the ledger assigns. The other columns are fields of `NewEvent`."""

    id: int
    visit_id: int | None
    scope: str
    day: str
    hour_s: int
    props: str | None


SENT = stored_fields(Event, NewEvent._fields, AssignedToEvent._fields)
EVENT_COLUMNS = (*AssignedToEvent._fields, *SENT)
"""The columns of `EventPlan.rows`."""

_sent = reader(NewEvent._fields, SENT)


@dataclass(slots=True)
class KnownEvents:
    """The rows that the database already has for a batch, read while holding the event writers' lock."""

    newest: int  # the highest id that any event has ever had
    ids: dict[EventKey, int]  # ids of events that are retries
    visits: dict[str, tuple[int, str]]  # id and scope of the latest visit, by visitor_id


@dataclass(slots=True)
class EventPlan:
    """The rows to write, and the result for each event of each request."""

    rows: list[Row] = field(default_factory=list)  # with EVENT_COLUMNS
    results: list[list[Found]] = field(default_factory=list)
    grown: list[int] = field(default_factory=list)  # bytes stored by each request

    def recorded(self) -> list[Recorded]:
        duplicates = [sum(is_known for _, is_known in names) for names in self.results]
        sizes = zip(self.results, duplicates, self.grown, strict=True)
        return [Recorded(len(names) - known, known, grown) for names, known, grown in sizes]


def keys(batch: list[NewEvents]) -> list[EventKey]:
    """Return the keys that the events may already have been recorded under."""
    events = [event for request in batch for event in request]
    own = {(event.visitor_id, event.event_id) for event in events}
    return list(own | {event.other_key for event in events if event.other_key})


def visitors(batch: list[NewEvents]) -> list[str]:
    return list({event.visitor_id for request in batch for event in request})


def plan(batch: list[NewEvents], known: KnownEvents, clock: Clock) -> EventPlan:
    """Assign an id to each new event. Changes `known`, so that a second event with the same key is a retry."""
    made = EventPlan()
    for request in batch:
        made.grown.append(0)
        made.results.append([_find(made, event, known, clock) for event in request])
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
    return known.newest, False
