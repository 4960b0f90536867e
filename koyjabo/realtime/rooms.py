"""This worker's open rooms. A room opens with its first member and closes with its last."""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from koyjabo.base.cluster.bus import Bus
from koyjabo.base.core.clock import system_elapsed_ms
from koyjabo.base.core.runtime import Runtime
from .events import MEMBERS_ONLINE_ROOM, PANEL_ROOM, SHARED_VIEW_ROOM, STATS_ROOM, VIEW_ROOM, visitors_room
from .fanout import LocalFanout
from .room import Closed, EventRoom, EventSource, Room, RoomSource
from .sinks import Member

Kind = TypeVar("Kind")
OfRoom = TypeVar("OfRoom", bound=EventRoom)

LINGER_MS = 5_000
"""How long a worker stays subscribed to a room after its last member has left, ms, in case the page is reloaded."""


class Rooms:
    """The rooms that have members on this worker, and the permanent ones. Publishes changes to other workers."""

    def __init__(self, fanout: LocalFanout, runtime: Runtime, bus: Bus) -> None:
        self._fanout = fanout
        self._runtime = runtime
        self._bus = bus
        self._rooms: dict[str, EventRoom] = {}
        # Rooms to refresh at each visit. Searching all rooms would be slow with many communities.
        self._of_panel: set[str] = set()
        self._views: dict[Member, str] = {}  # the room of the view that each member follows
        self._unused_since_ms: dict[str, int] = {}
        self._lock = threading.Lock()  # guards `_rooms`; while it is held, only the locks of sources may be taken

    def open(self, name: str, source: EventSource, kind: type[OfRoom] = Room) -> OfRoom:  # type: ignore[assignment]
        room = kind(name, source, self._fanout, self._runtime, partial(self._bus.hear, _heard(name)))
        self._rooms[name] = room
        if _heard(name) == STATS_ROOM != name:
            self._of_panel.add(name)
        return room

    def get(self, name: str) -> Room:
        if room := self.find(name):
            return room
        raise KeyError(name)

    def find(self, name: str) -> Room | None:
        room = self._rooms.get(name)
        return room if isinstance(room, Room) else None

    def caused_by_visits(self, name: str) -> bool:
        """Return whether visits caused the room's last broadcast."""
        room = self._rooms.get(name)
        return room is not None and room.source.caused_by_visits

    def with_source(self, kind: type[Kind]) -> list[tuple[EventRoom, Kind]]:
        """Return the open rooms whose source is of this class, with their sources."""
        return [(room, room.source) for room in list(self._rooms.values()) if isinstance(room.source, kind)]

    def admit(self, name: str, source: Callable[[], RoomSource], member: Member) -> dict[str, Any] | None:
        """Call `Room.admit`, opening the room first if necessary. `source` must not block."""
        while True:
            with self._lock:
                if name not in self._rooms:
                    self.open(name, source())
                room = self.get(name)
            with suppress(Closed):
                return room.admit(member)

    def show(self, member: Member, name: str, source: Callable[[], RoomSource]) -> None:
        """Make a member follow a view in place of its previous one. If it already follows this view, send the current
        value again. Raises what `source` raises. If the member may have disconnected during the call, call `leave_view`
        afterwards.
        """
        room = self.find(name)
        if room and self._views.get(member) == name:
            room.send_present(member)
            return
        self.leave_view(member)
        self.admit(name, source, member)
        self._views[member] = name
        self.refresh(name)

    def leave_view(self, member: Member) -> None:
        """Make a member stop following its view. Call this for each member that has disconnected. Idempotent."""
        self.dismiss(self._views.pop(member, ""), member)

    def dismiss(self, name: str, member: Member) -> None:
        """Remove a member, and close the room if it was the last one. Idempotent."""
        if room := self.find(name):
            room.dismiss(member)
            self.close_if_empty(name)

    def close_if_empty(self, name: str) -> None:
        """Close a room if it has no members. Idempotent."""
        room = self._rooms.get(name)
        if room is not None and room.close_if_empty():
            with self._lock:
                if self._rooms.get(name) is room:
                    del self._rooms[name]
                    self._of_panel.discard(name)

    def send_to(self, sid: str, event: dict[str, Any]) -> None:
        """Send an event to one Socket.IO client."""
        self._fanout.emit(event["type"], event, room=sid, ignore_queue=True)

    def leave_empty(self) -> None:
        """Unsubscribe from rooms that have had no members for LINGER_MS. Call this every second."""
        now_ms, used = system_elapsed_ms(), self._used()
        for name in self._bus.heard:
            if name in used:
                self._unused_since_ms.pop(name, None)
            elif now_ms - self._unused_since_ms.setdefault(name, now_ms) >= LINGER_MS:
                del self._unused_since_ms[name]
                self._bus.leave(name)
                if name in self._used():  # a member has just joined
                    self._bus.hear(name)

    def _used(self) -> set[str]:
        return {_heard(name) for name, room in list(self._rooms.items()) if not room.is_empty}

    def changed(self, name: str, state: Callable[[], Any], part: str = "", is_presence: bool = False) -> None:
        """Broadcast and publish a room's value that this worker has changed. The room does not have to be open here.
        `state` returns what other workers need to build the same value, or the same `part` of it. Presence is
        published without the usual pause between values.
        """
        self.refresh(name)
        self._bus.publish(name, state, part, is_presence)

    def refresh(self, name: str) -> None:
        """Broadcast a room's value on this worker if it has changed. Does nothing if the room is not open."""
        if room := self._rooms.get(name):
            room.changed()

    def refresh_panel(self) -> None:
        """Refresh the panel and the report views, because visits or other numbers have changed."""
        for name in list(self._of_panel):
            self.refresh(name)

    def receive(self, name: str, state: Any) -> None:
        """Merge a room's state that another worker published, and broadcast the result."""
        if room := self._rooms.get(name):
            room.source.merge(state)
            room.changed()


def _heard(name: str) -> str:
    """The name of the room to subscribe to: the panel and its views follow the site's values, and the people of a
    community follow their count.
    """
    if name.startswith(MEMBERS_ONLINE_ROOM):
        return visitors_room(name.removeprefix(MEMBERS_ONLINE_ROOM))
    return STATS_ROOM if name == PANEL_ROOM or name.startswith((VIEW_ROOM, SHARED_VIEW_ROOM)) else name
