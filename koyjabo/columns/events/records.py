"""Events as sent, their size in the database, and the rows that a batch of them adds. Does no I/O: each database's
module looks up rows, makes the plan, and then writes it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.json_rows import reader, stored_fields
from koyjabo.base.models import SITE
from koyjabo.counting.models import Event
from koyjabo.web.limits.limits import MAX_USES

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
PROPERTY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
MAX_EVENTS = 50
MAX_PROPERTIES = 10
LONGEST_PROPERTY = 120
"""Maximum length of a property's value, in characters (specification: Page views and events)."""

PAGEVIEW = "pageview"

EventKey = tuple[str, str]
"""(visitor_id, event_id). A retry has the same key as its event."""

NONE: Mapping[str, str] = MappingProxyType({})


class NewEvent(NamedTuple):
    """An event as received, validated and cut to its limits."""

    visitor_id: str
    event_id: str
    name: str
    at_ms: int  # server clock, because the client's clock must not decide the day
    page: str | None = None
    props: Mapping[str, str] = NONE
    client_ms: int | None = None
    other_key: EventKey | None = None  # the second key of an anonymous event, from the other day's secret

    def anonymous(self, key: EventKey, other_key: EventKey | None = None) -> "NewEvent":
        """Return the event without the client's clock, which could identify a browser."""
        return self._replace(visitor_id=key[0], event_id=key[1], client_ms=None, other_key=other_key)


NewEvents = Sequence[NewEvent]
"""The events of one request."""


class Recorded(NamedTuple):
    """How many events of a request were new, and how many were recorded before."""

    accepted: int
    duplicates: int
    stored_bytes: int = 0  # approximate growth of the database


ROW_BYTES = 200
"""Size of a row, not counting text from clients."""

OF_TEXTS, OF_IDS = 1.5, 3
"""Stored bytes per byte of text; more than one, because database pages are not full. OF_TEXTS applies to the page and
properties, OF_IDS to ids, which are also in an index.
"""

ENCODER = json.JSONEncoder(ensure_ascii=False)  # `json.dumps` would create one for each event
JSON_BYTES = 6
"""Extra bytes per property, around its name and value."""

USE_BYTES = 300


class Size(NamedTuple):
    """The size of a request's events."""

    uses: int  # uses of the per-minute limits: one per event, or per USE_BYTES of its texts if that is more
    most_bytes: int  # stored bytes if every event is new


def size_of(events: NewEvents) -> Size:
    """Return the size of events as they are stored: anonymous ones under their hashes."""
    texts = ids = 0
    for _, event_id, name, _, page, props, *_ in events:
        ids += len(event_id)
        texts += len(name) + (_bytes(page) if page else 0)
        for key, value in props.items():
            texts += len(key) + _bytes(value) + JSON_BYTES
    of_rows = len(events) * (ROW_BYTES + OF_IDS * len(events[0].visitor_id)) + OF_IDS * ids + int(OF_TEXTS * texts)
    return Size(min(max(len(events), -(-(texts + ids) // USE_BYTES)), MAX_USES), of_rows)


def _bytes(text: str | None) -> int:
    if not text:
        return 0
    return len(text) if text.isascii() else len(text.encode())


Found = tuple[int, bool]
"""The id, and whether the event was recorded before."""

Row = tuple[Any, ...]


ASSIGNED = ("id", "visit_id", "scope", "day", "hour_s", "props")
"""Columns of an event that the ledger assigns. The others are fields of `NewEvent`."""

SENT = stored_fields(Event, NewEvent._fields, ASSIGNED)
EVENT_COLUMNS = (*ASSIGNED, *SENT)
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
    result = EventPlan()
    for request in batch:
        result.grown.append(0)
        result.results.append([_find(result, event, known, clock) for event in request])
    return result


def _find(result: EventPlan, event: NewEvent, known: KnownEvents, clock: Clock) -> Found:
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
    props = ENCODER.encode(dict(event.props)) if event.props else None
    result.rows.append((known.newest, visit_id, scope, day, hour_s, props, *_sent(event)))
    ids = len(event.visitor_id) + len(event.event_id)
    texts = _bytes(event.page) + _bytes(props)
    result.grown[-1] += ROW_BYTES + OF_IDS * ids + len(event.name) + int(OF_TEXTS * texts)
    return known.newest, False
