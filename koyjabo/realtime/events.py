"""The events of the server, equal for every kind of client (specification: Real time; docs/realtime.md has the table).

On Socket.IO the event's name is its `type` and the object its only argument; on a plain WebSocket the object is one
text frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from koyjabo.clock import iso
from koyjabo.counting.stats import Stats

STATS_ROOM = "stats"
"""The room of all clients that follow the statistics of the site."""


def visitors_room(community_id: str) -> str:
    """The room of the members of a community who are online."""
    return f"visitors_{community_id}"


def dashboard_room(community_id: str) -> str:
    """The room of the moderators who have the dashboard of a community open."""
    return f"visitor_dashboard_{community_id}"


@dataclass(frozen=True, slots=True)
class VisitorUpdate:
    """The complete statistics of the site or of a community at one revision."""

    type: ClassVar[str] = "visitor_update"
    stats: Stats
    community_id: str | None = None

    def as_object(self) -> dict[str, Any]:
        scope = {} if self.community_id is None else {"community_id": self.community_id}
        return {"type": self.type, **scope, "stats": self.stats.as_object()}

    @property
    def revision(self) -> int:
        return self.stats.revision


@dataclass(frozen=True, slots=True)
class CountChanged:
    """How many people are online in a community, and the change since the last count sent to the room."""

    community_id: str
    count: int
    change: int
    revision: int  # also the time of the event, ms

    @property
    def type(self) -> str:
        return {1: "visitor_joined", -1: "visitor_left"}.get(self.change, "visitor_count")

    def as_object(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "community_id": self.community_id,
            "count": self.count,
            "change": self.change,
            "revision": self.revision,
            "timestamp": iso(self.revision),
        }


@dataclass(frozen=True, slots=True)
class DashboardUpdate:
    """The data of the dashboard: `today_visitors`, `realtime_count`, and further fields of the caller."""

    type: ClassVar[str] = "dashboard_update"
    data: Mapping[str, Any]
    revision: int  # also the time of the event, ms

    def as_object(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "data": dict(self.data),
            "revision": self.revision,
            "timestamp": iso(self.revision),
        }


@dataclass(frozen=True, slots=True)
class AnalyticsUpdate:
    """One metric of a community: a number, or a description of something that has just happened."""

    type: ClassVar[str] = "analytics_update"
    metric: str
    value: Any
    community_id: str
    at_ms: int

    def as_object(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "metric": self.metric,
            "value": self.value,
            "community_id": self.community_id,
            "timestamp": iso(self.at_ms),
        }


@dataclass(frozen=True, slots=True)
class Kicked:
    """A Socket.IO client was removed from a room, with the close code that a plain WebSocket would get."""

    type: ClassVar[str] = "kicked"
    room: str
    community_id: str
    code: int

    def as_object(self) -> dict[str, Any]:
        return {"type": self.type, "room": self.room, "communityId": self.community_id, "code": self.code}


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a client's `ping`."""

    type: ClassVar[str] = "pong"
    at_ms: int

    def as_object(self) -> dict[str, Any]:
        return {"type": self.type, "timestamp": iso(self.at_ms)}


@dataclass(frozen=True, slots=True)
class Error:
    """A client sent an invalid message; its socket stays open."""

    type: ClassVar[str] = "error"
    sentence: str
    code: str

    def as_object(self) -> dict[str, Any]:
        return {"type": self.type, "error": self.sentence, "code": self.code}
