"""The rows that a batch of events adds. Does no I/O: each database's module looks up rows, makes the plan, and then
writes it.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.json_rows import reader, stored_fields
from koyjabo.base.models import SITE
from koyjabo.counting.models import Event
from .new_event import (
    ID_FACTOR,
    ROW_BYTES,
    TEXT_FACTOR,
    EventKey,
    NewEvent,
    NewEvents,
    Recorded,
    text_bytes,
)

EventResult = tuple[int, bool]
"""The id, and whether the event was recorded before."""

ASSIGNED_COLUMNS = ("id", "visit_id", "scope", "day", "hour_s", "props")
"""Columns of an event that the ledger assigns. The others are fields of `NewEvent`."""

SENT_COLUMNS = stored_fields(Event, NewEvent._fields, ASSIGNED_COLUMNS)
EVENT_COLUMNS = (*ASSIGNED_COLUMNS, *SENT_COLUMNS)
"""The columns of `EventPlan.rows`."""

PROPERTY_ENCODER = json.JSONEncoder(ensure_ascii=False)  # `json.dumps` would create one for each event

_sent = reader(NewEvent._fields, SENT_COLUMNS)


@dataclass(slots=True)
class KnownEvents:
    """The rows that the database already has for a batch, read while holding the event writers' lock."""

    newest: int  # the highest id that any event has ever had
    ids: dict[EventKey, int]  # ids of events that are retries
    visits: dict[str, tuple[int, str]]  # id and scope of the latest visit, by visitor_id


@dataclass(slots=True)
class EventPlan:
    """The rows to write, and the result for each event of each request."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)  # with EVENT_COLUMNS
    results: list[list[EventResult]] = field(default_factory=list)
    grown: list[int] = field(default_factory=list)  # bytes stored by each request

    def recorded(self) -> list[Recorded]:
        duplicates = [sum(is_known for _, is_known in events) for events in self.results]
        requests = zip(self.results, duplicates, self.grown, strict=True)
        return [Recorded(len(events) - known, known, grown) for events, known, grown in requests]


def keys(batch: list[NewEvents]) -> list[EventKey]:
    """Return the keys that the events may already have been recorded under."""
    events = [event for request in batch for event in request]
    own = {(event.visitor_id, event.event_id) for event in events}
    return list(own | {event.other_key for event in events if event.other_key})


def visitors(batch: list[NewEvents]) -> list[str]:
    return list({event.visitor_id for request in batch for event in request})


def plan(batch: list[NewEvents], known: KnownEvents, clock: Clock) -> EventPlan:
    """Assign an id to each new event. Changes `known`, so that a second event with the same key is a retry."""
    result = EventPlan()
    for request in batch:
        result.grown.append(0)
        result.results.append([_find(result, event, known, clock) for event in request])
    return result


def _find(result: EventPlan, event: NewEvent, known: KnownEvents, clock: Clock) -> EventResult:
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
    props = PROPERTY_ENCODER.encode(dict(event.props)) if event.props else None
    result.rows.append((known.newest, visit_id, scope, day, hour_s, props, *_sent(event)))
    ids = len(event.visitor_id) + len(event.event_id)
    texts = text_bytes(event.page) + text_bytes(props)
    result.grown[-1] += ROW_BYTES + ID_FACTOR * ids + len(event.name) + int(TEXT_FACTOR * texts)
    return known.newest, False
