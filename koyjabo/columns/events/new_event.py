"""Events as sent, and their size in the database."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from koyjabo.web.limits.limits import MAX_USES

EVENT_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
PROPERTY_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
MAX_EVENTS = 50
MAX_PROPERTIES = 10
MAX_PROPERTY_LENGTH = 120
"""Maximum length of a property's value, in characters (specification: Page views and events)."""

ROW_BYTES = 200
"""Size of a row, not counting text from clients."""

TEXT_FACTOR, ID_FACTOR = 1.5, 3
"""Stored bytes per byte of the page and of properties, and per byte of an id, which is also in an index. More than one,
because database pages are not full.
"""

JSON_BYTES = 6
"""Extra bytes per property, around its name and value."""

USE_BYTES = 300
"""Bytes of texts that count as one use of the limits per minute."""

EventKey = tuple[str, str]
"""(visitor_id, event_id). A retry has the same key as its event."""

NO_PROPERTIES: Mapping[str, str] = MappingProxyType({})

NewEvents: TypeAlias = "Sequence[NewEvent]"
"""The events of one request."""


class NewEvent(NamedTuple):
    """An event as received, validated and cut to its limits."""

    visitor_id: str
    event_id: str
    name: str
    at_ms: int  # server clock, because the client's clock must not decide the day
    page: str | None = None
    props: Mapping[str, str] = NO_PROPERTIES
    client_ms: int | None = None
    other_key: EventKey | None = None  # the second key of an anonymous event, from the other day's secret

    def anonymous(self, key: EventKey, other_key: EventKey | None = None) -> "NewEvent":
        """Return the event without the client's clock, which could identify a browser."""
        return self._replace(visitor_id=key[0], event_id=key[1], client_ms=None, other_key=other_key)


class Recorded(NamedTuple):
    """How many events of a request were new, and how many were recorded before."""

    accepted: int
    duplicates: int
    stored_bytes: int = 0  # approximate growth of the database


class Size(NamedTuple):
    """The size of a request's events."""

    uses: int  # uses of the per-minute limits: one per event, or per USE_BYTES of its texts if that is more
    most_bytes: int  # stored bytes if every event is new


def size_of(events: NewEvents) -> Size:
    """Return the size of events as they are stored: anonymous ones under their hashes."""
    texts = ids = 0
    for _, event_id, name, _, page, props, *_ in events:
        ids += len(event_id)
        texts += len(name) + text_bytes(page)
        for key, value in props.items():
            texts += len(key) + text_bytes(value) + JSON_BYTES
    uses = max(len(events), -(-(texts + ids) // USE_BYTES))
    visitor_ids = len(events) * len(events[0].visitor_id)
    most_bytes = len(events) * ROW_BYTES + ID_FACTOR * (visitor_ids + ids) + int(TEXT_FACTOR * texts)
    return Size(min(uses, MAX_USES), most_bytes)


def text_bytes(text: str | None) -> int:
    if not text:
        return 0
    return len(text) if text.isascii() else len(text.encode())
