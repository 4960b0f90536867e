"""Types of the server's JSON responses, as /openapi.json describes them."""

from __future__ import annotations

from typing import Any, TypedDict

Event = dict[str, Any]
"""A stream event. `type` is its name; a `visitor_update` has `stats`."""


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


class PageNumber(TypedDict):
    """The views of a page; None if the server does not show them."""

    path: str
    views: int | None
    today: int | None


class Visit(TypedDict, total=False):
    ordinal: int
    today: int
    duplicate: bool
    share: str


class VisitResult(TypedDict, total=False):
    ordinal: int | None
    duplicate: bool
    error: str
    code: str
    details: dict[str, str]


class Receipt(TypedDict):
    success: bool
    visit: Visit
    stats: Stats
