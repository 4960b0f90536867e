"""A sent event, and its outcome: plain values that are passed between threads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

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
    stored_bytes: int = 0  # that the database grew by (`stored_bytes`)
