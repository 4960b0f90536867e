"""The open rooms of this worker. Rooms open with their first member and close with their last."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from koyjabo.cluster.bus import Bus
from koyjabo.core.clock import system_elapsed_ms
from koyjabo.core.runtime import Runtime
from koyjabo.realtime.events import PANEL_ROOM, SHARED_VIEW, STATS_ROOM, VIEW
from koyjabo.realtime.fanout import LocalFanout
from koyjabo.realtime.room import ClientEvent, Closed, Room, RoomSource
from koyjabo.realtime.sinks import Member

Kind = TypeVar("Kind")

LINGER_MS = 5_000
"""For so long a worker hears a room whose last member has left: pages that are loaded again come back."""


class Rooms:
    """The rooms with members on this worker, and the permanent ones. Publishes changes to the other workers."""

    def __init__(self, fanout: LocalFanout, runtime: Runtime, bus: Bus) -> None:
        self._fanout = fanout
        self._runtime = runtime
        self._bus = bus
        self._rooms: dict[str, Room] = {}
        self._of_panel: set[str] = set()  # for each visit; with many communities there are many more rooms
        self._views: dict[Member, str] = {}  # the room of the view that each follows
        self._unused_since_ms: dict[str, int] = {}
        self._lock = threading.Lock()  # for `_rooms`; while it is held, only locks of sources may be taken

    def open(self, name: str, source: RoomSource) -> Room:
        self._rooms[name] = room = Room(
            name, source, self._fanout, self._runtime, partial(self._bus.hear, _heard(name))
        )
        if _heard(name) != name:
            self._of_panel.add(name)
        return room

    def get(self, name: str) -> Room:
        return self._rooms[name]

    def find(self, name: str) -> Room | None:
        return self._rooms.get(name)

    def tell_visits(self, name: str) -> bool:
        """Whether what the room has just broadcast was made because of visits."""
        room = self._rooms.get(name)
        return room is not None and room.source.tells_visits

    def with_source(self, kind: type[Kind]) -> list[tuple[Room, Kind]]:
        """The open rooms whose source is of this class, with that source."""
        return [(room, room.source) for room in list(self._rooms.values()) if isinstance(room.source, kind)]

    def admit(self, name: str, source: Callable[[], RoomSource], member: Member) -> dict[str, Any] | None:
        """`Room.admit`, which opens the room first if necessary. `source` must not block."""
        while True:
            with self._lock:
                room = self._rooms.get(name) or self.open(name, source())
            with suppress(Closed):
                return room.admit(member)

    def show(self, member: Member, name: str, source: Callable[[], RoomSource]) -> None:
        """Let a member follow a view, and no longer the view before. A member that already follows this view is sent
        its present value again. Raises what `source` raises. Call `leave_view` afterwards for a member that
        disconnected during the call.
        """
        room = self._rooms.get(name)
        if room and self._views.get(member) == name:
            room.send_present(member)
            return
        self.leave_view(member)
        self.admit(name, source, member)
        self._views[member] = name
        self.refresh(name)

    def leave_view(self, member: Member) -> None:
        """Call it for each member that has disconnected. Idempotent."""
        self.dismiss(self._views.pop(member, ""), member)

    def dismiss(self, name: str, member: Member) -> None:
        """Remove a member, and close the room if it was the last one. Idempotent."""
        if room := self._rooms.get(name):
            room.dismiss(member)
            self.close_if_empty(name)

    def close_if_empty(self, name: str) -> None:
        """Close a room without members. Idempotent."""
        room = self._rooms.get(name)
        if room is not None and room.close_if_empty():
            with self._lock:
                if self._rooms.get(name) is room:
                    del self._rooms[name]
                    self._of_panel.discard(name)

    def disconnect(self, sid: str, code: int, why: str) -> None:
        """Disconnect a Socket.IO client, with a close code if it has a WebSocket."""
        self._fanout.disconnect_client(sid, code, why)

    def send_to(self, sid: str, event: ClientEvent) -> None:
        """Send an event to one Socket.IO client."""
        self._fanout.emit(event.type, event.as_object(), room=sid, ignore_queue=True)

    def leave_empty(self) -> None:
        """Hear no more of rooms that have had no members for LINGER_MS. Call it every second."""
        now_ms, used = system_elapsed_ms(), self._used()
        for name in self._bus.heard:
            if name in used:
                self._unused_since_ms.pop(name, None)
            elif now_ms - self._unused_since_ms.setdefault(name, now_ms) >= LINGER_MS:
                del self._unused_since_ms[name]
                self._bus.leave(name)
                if name in self._used():  # since this moment
                    self._bus.hear(name)

    def _used(self) -> set[str]:
        return {_heard(name) for name, room in list(self._rooms.items()) if not room.is_empty}

    def changed(self, name: str, state: Callable[[], Any], part: str = "", is_presence: bool = False) -> None:
        """Broadcast and publish the value of a room that this worker has changed. The room need not be open here.

        `state` returns the state from which other workers build the same value, or the same `part` of it. Presence is
        published without the pause of other values.
        """
        self.refresh(name)
        self._bus.publish(name, state, part, is_presence)

    def refresh(self, name: str) -> None:
        """Broadcast the value of a room on this worker if it has changed. Does nothing if the room is not open."""
        if room := self._rooms.get(name):
            room.changed()

    def refresh_panel(self) -> None:
        """Read the panel and the views of reports again: there are new visits, or other numbers."""
        for name in list(self._of_panel):
            self.refresh(name)

    def receive(self, name: str, state: Any) -> None:
        """Merge the state of a room that another worker has published, and broadcast the result."""
        if room := self._rooms.get(name):
            room.source.merge(state)
            room.changed()


def _heard(name: str) -> str:
    """The room that a worker hears for a room: it reads the panel and its views again when the site's values change."""
    return STATS_ROOM if name == PANEL_ROOM or name.startswith((VIEW, SHARED_VIEW)) else name
