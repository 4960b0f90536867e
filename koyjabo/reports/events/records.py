"""A sent event, its outcome, and the bytes that it stores: plain values that are passed between threads."""

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
"""(specification: Page views and events)"""

PAGEVIEW = "pageview"

EventKey = tuple[str, str]
"""(visitor_id, event_id): what makes a retry the same event."""

NONE: Mapping[str, str] = MappingProxyType({})


class NewEvent(NamedTuple):
    """An event as received, validated and cut to its limits."""

    visitor_id: str
    event_id: str
    name: str
    at_ms: int  # server clock: the client's is not trusted to assign days
    page: str | None = None
    props: Mapping[str, str] = NONE
    client_ms: int | None = None
    other_key: EventKey | None = None  # the key of an anonymous event under the secret of the day beside its own

    def anonymous(self, key: EventKey, other_key: EventKey | None = None) -> NewEvent:
        """The event to record instead, without the client's clock, by which a browser could be recognised."""
        return self._replace(visitor_id=key[0], event_id=key[1], client_ms=None, other_key=other_key)


NewEvents = Sequence[NewEvent]
"""The events of one request."""


class Recorded(NamedTuple):
    """How many events of a request were new, and how many were recorded before."""

    accepted: int
    duplicates: int
    stored_bytes: int = 0  # that the database grew by, about


ROW_BYTES = 200
"""Of a row without the texts that clients choose."""

OF_TEXTS, OF_IDS = 1.5, 3
"""How many bytes each byte takes, where pages of the database are not full: of the page and the properties; and of ids,
which are in the row and in its index.
"""

ENCODER = json.JSONEncoder(ensure_ascii=False)  # `json.dumps` would make one for each event
JSON_BYTES = 6
"""Of a property, around its name and value."""

USE_BYTES = 300


class Size(NamedTuple):
    """Of the events of a request."""

    uses: int  # of the limits a minute: one for each event, or for USE_BYTES of its texts if these are more
    most_bytes: int  # that are stored if each event is new


def size_of(events: NewEvents) -> Size:
    """The events as they are stored, anonymous ones under their hashes."""
    texts = ids = 0
    for _, event_id, name, _, page, props, *_ in events:
        ids += len(event_id)
        texts += len(name) + (_bytes(page) if page else 0)
        for name, value in props.items():
            texts += len(name) + _bytes(value) + JSON_BYTES
    of_rows = len(events) * (ROW_BYTES + OF_IDS * len(events[0].visitor_id)) + OF_IDS * ids + int(OF_TEXTS * texts)
    return Size(min(max(len(events), -(-(texts + ids) // USE_BYTES)), MOST_USES), of_rows)


def props_text(event: NewEvent) -> str | None:
    """The properties as they are stored."""
    return ENCODER.encode(dict(event.props)) if event.props else None


def of_row(event: NewEvent, props: str | None) -> int:
    ids = len(event.visitor_id) + len(event.event_id)
    return ROW_BYTES + OF_IDS * ids + len(event.name) + int(OF_TEXTS * (_bytes(event.page) + _bytes(props)))


def _bytes(text: str | None) -> int:
    if not text:
        return 0
    return len(text) if text.isascii() else len(text.encode())
