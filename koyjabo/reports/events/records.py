"""Plain values that are passed between threads: an event as sent, its result, and its size in the database."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from koyjabo.webkit.limits.limits import MOST_USES

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
PROPERTY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
MOST_EVENTS = 50
MOST_PROPERTIES = 10
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
    other_key: EventKey | None = None  # the second key of an anonymous event, made with the other day's secret

    def anonymous(self, key: EventKey, other_key: EventKey | None = None) -> NewEvent:
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
    return Size(min(max(len(events), -(-(texts + ids) // USE_BYTES)), MOST_USES), of_rows)


def props_text(event: NewEvent) -> str | None:
    """Return the properties as they are stored."""
    return ENCODER.encode(dict(event.props)) if event.props else None


def of_row(event: NewEvent, props: str | None) -> int:
    ids = len(event.visitor_id) + len(event.event_id)
    return ROW_BYTES + OF_IDS * ids + len(event.name) + int(OF_TEXTS * (_bytes(event.page) + _bytes(props)))


def _bytes(text: str | None) -> int:
    if not text:
        return 0
    return len(text) if text.isascii() else len(text.encode())
