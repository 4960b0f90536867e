"""What the server answers, as dictionaries of JSON (the server describes all of them in its /openapi.json)."""

from __future__ import annotations

from typing import Any, TypedDict

Event = dict[str, Any]
"""An event of a stream. `type` is its name: `visitor_update` has `stats`."""


class Stats(TypedDict, total=False):
    totalVisitors: int
    totalVisits: int
    todayVisits: int
    activeUsers: int
    uniqueVisitors: int
    locations: dict[str, dict[str, int]]
    revision: int
    epoch: str
    timestamp: str
    stale: bool


class Visit(TypedDict, total=False):
    ordinal: int
    today: int
    duplicate: bool
    share: str


class Receipt(TypedDict):
    success: bool
    visit: Visit
    stats: Stats
