"""What clients send of events."""

from __future__ import annotations

from typing import Any

EVENTS = "/api/events"
MOST_AT_ONCE = 4

Event = tuple[str, str]
"""(visitorId, id)"""


def body_of_events(events: list[Event]) -> dict[str, Any]:
    return {"visitorId": events[0][0], "events": [{"id": name, "name": "search", "page": "/"} for _, name in events]}
