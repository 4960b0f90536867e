"""What can be announced, the same to every kind of client (SPEC: Real time; docs/realtime.md has the table).

On Socket.IO the event's name is its `type` and the object its only argument; on a plain WebSocket the object is one
text frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from koyjabo.clock import iso
from koyjabo.stats import Stats

GOING_AWAY, ABUSE, TOO_MANY = 1001, 1008, 1013
"""Codes with which a WebSocket is closed (SPEC: Credentials)."""

STATS_ROOM = "stats"
"""Everybody who wants to hear of the whole site."""


@dataclass(frozen=True, slots=True)
class VisitorUpdate:
    """The numbers of the site, whole, at one revision."""

    type: ClassVar[str] = "visitor_update"
    stats: Stats

    def as_object(self) -> dict[str, Any]:
        return {"type": self.type, "stats": self.stats.as_object()}

    @property
    def revision(self) -> int:
        return self.stats.revision


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a client's `ping`."""

    type: ClassVar[str] = "pong"
    at_ms: int

    def as_object(self) -> dict[str, Any]:
        return {"type": self.type, "timestamp": iso(self.at_ms)}


@dataclass(frozen=True, slots=True)
class Error:
    """What a client sent cannot be used; its socket stays open."""

    type: ClassVar[str] = "error"
    sentence: str
    code: str

    def as_object(self) -> dict[str, Any]:
        return {"type": self.type, "error": self.sentence, "code": self.code}
