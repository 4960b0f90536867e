"""The events that the server sends, which are the same for all kinds of clients (specification: Real time;
docs/realtime.md has the table). On Socket.IO, `type` is the event's name and the object its only argument. On a plain
WebSocket, the object is one text frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from koyjabo.base.core.clock import iso
from koyjabo.counting.stats import Stats

STATS_ROOM = "stats"
"""Room of all clients that follow the site's stats."""


PANEL_ROOM = "panel"
"""Room of the admins and viewers who have a panel page open."""


VIEW_ROOM, SHARED_VIEW_ROOM = "view ", "shared view "
"""Room name prefixes for report views. All pages in a room show the same view."""


MEMBERS_ONLINE_ROOM = "members_online_"
"""Room name prefix."""


MESSAGE_TYPE = "message"


def view_room(view: tuple[str, ...], is_shared: bool) -> str:
    return f"{SHARED_VIEW_ROOM if is_shared else VIEW_ROOM}{view}"


def visitors_room(community_id: str) -> str:
    """Room of a community's members who are online."""
    return f"visitors_{community_id}"


def members_online_room(community_id: str) -> str:
    """Room of a community's members who see who is online."""
    return f"{MEMBERS_ONLINE_ROOM}{community_id}"


def dashboard_room(community_id: str) -> str:
    """Room of moderators who have a community's dashboard open."""
    return f"visitor_dashboard_{community_id}"


@dataclass(frozen=True, slots=True)
class VisitorUpdate:
    """The complete stats of the site or a community at one revision."""

    type: ClassVar[str] = "visitor_update"
    stats: Stats
    community_id: str | None = None
    milestone: int | None = None  # the highest milestone passed since the last event

    def as_object(self) -> dict[str, Any]:
        scope = {} if self.community_id is None else {"community_id": self.community_id}
        last = {} if self.community_id is not None else {"last": self.stats.last and self.stats.last.as_object()}
        milestone = {} if self.milestone is None else {"milestone": self.milestone}
        return {"type": self.type, **scope, "stats": self.stats.as_object(), **last, **milestone}

    @property
    def revision(self) -> int:
        return self.stats.revision


@dataclass(frozen=True, slots=True)
class CountChanged:
    """How many people are online in a community, and the change since the last count sent to the room."""

    community_id: str
    count: int
    change: int
    revision: int
    at_ms: int = 0  # 0 if it is the revision

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
            "timestamp": iso(self.at_ms or self.revision),
        }


@dataclass(frozen=True, slots=True)
class MembersOnline:
    """Who is online in a community, newest first. `unnamed` people online are not among `people`."""

    type: ClassVar[str] = "members_online"
    community_id: str
    people: tuple[Mapping[str, Any], ...]
    unnamed: int
    revision: int
    at_ms: int = 0  # 0 if it is the revision

    def as_object(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "community_id": self.community_id,
            "people": list(self.people),
            "unnamed": self.unnamed,
            "revision": self.revision,
            "timestamp": iso(self.at_ms or self.revision),
        }


@dataclass(frozen=True, slots=True)
class DashboardUpdate:
    """A dashboard's data (docs/realtime.md), and any other fields that the caller adds."""

    type: ClassVar[str] = "dashboard_update"
    data: Mapping[str, Any]
    revision: int
    at_ms: int = 0  # 0 if it is the revision

    def as_object(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "data": dict(self.data),
            "revision": self.revision,
            "timestamp": iso(self.at_ms or self.revision),
        }


@dataclass(frozen=True, slots=True)
class PanelUpdate:
    """The site's stats, without locations. If `is_whole` is set, pages request all their other content again."""

    type: ClassVar[str] = "panel_update"
    stats: Mapping[str, Any]
    revision: int
    is_whole: bool
    at_ms: int = 0  # 0 if it is the revision

    def as_object(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "whole": self.is_whole,
            "stats": dict(self.stats),
            "revision": self.revision,
            "timestamp": iso(self.at_ms or self.revision),
        }


@dataclass(frozen=True, slots=True)
class ViewUpdate:
    """A view's changed numbers by cell, and changed versions of its parts. A part with a new version needs new HTML. If
    `is_whole` is set, the event contains everything and replaces what is known. `view` names the view; `moment`
    orders its events.
    """

    type: ClassVar[str] = "view_update"
    view: str
    moment: int
    at: str  # local time of the report, HH:MM:SS
    cells: Mapping[str, Any]
    versions: Mapping[str, str]
    revision: int
    is_whole: bool

    def as_object(self) -> dict[str, Any]:
        changed = {"whole": self.is_whole, "cells": self.cells, "parts": self.versions}
        present = {name: value for name, value in changed.items() if value}
        return {"type": self.type, "view": self.view, "moment": self.moment, "at": self.at, **present}


# Events that are not one of a room's values, so they have no revision.


def panel_state(unsaved_ms: int | None, now_ms: int) -> dict[str, Any]:
    """When visits stopped being saved (ms), or None while saving works. Panel pages request this every few seconds, so
    they also notice when the server does not respond.
    """
    unsaved = None if unsaved_ms is None else iso(unsaved_ms)
    return {"type": "panel_state", "unsaved_since": unsaved, "timestamp": iso(now_ms)}


def analytics_update(community_id: str, metric: str, value: Any, now_ms: int) -> dict[str, Any]:
    """A community metric: a number, or what has just happened."""
    values = {"metric": metric, "value": value, "community_id": community_id}
    return {"type": "analytics_update", **values, "timestamp": iso(now_ms)}


def community_message(community_id: str, data: Any, now_ms: int) -> dict[str, Any]:
    """A program's message to the members of a community. `data` is JSON."""
    return {"type": MESSAGE_TYPE, "community_id": community_id, "data": data, "timestamp": iso(now_ms)}


def kicked(room: str, community_id: str, code: int) -> dict[str, Any]:
    """Informs a Socket.IO client that it was removed from a room, with the close code for a plain WebSocket."""
    return {"type": "kicked", "room": room, "communityId": community_id, "code": code}


def pong(now_ms: int) -> dict[str, Any]:
    """The response to a client's `ping`."""
    return {"type": "pong", "timestamp": iso(now_ms)}


def error(sentence: str, code: str) -> dict[str, Any]:
    """The response to an invalid message. The socket stays open. `message` repeats `error` for clients of Citinfos."""
    return {"type": "error", "error": sentence, "message": sentence, "code": code}
