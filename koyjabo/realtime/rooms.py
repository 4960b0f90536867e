"""The rooms of this worker: opened when somebody comes, closed when nobody is left, told of what others say."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from koyjabo.cluster.bus import Bus
from koyjabo.realtime.fanout import LocalFanout, Member
from koyjabo.realtime.room import Closed, Room, Saying, Source
from koyjabo.runtime import Runtime

Kind = TypeVar("Kind")


class Rooms:
    """The rooms of this worker that somebody is in, and those that are always there. Changes made here are told to the
    other workers, too.
    """

    def __init__(self, fanout: LocalFanout, runtime: Runtime, bus: Bus) -> None:
        self._fanout = fanout
        self._runtime = runtime
        self._bus = bus
        self._rooms: dict[str, Room] = {}
        self._lock = threading.Lock()  # around it; taken before no other lock but a source's

    def open(self, name: str, source: Source) -> Room:
        self._rooms[name] = room = Room(name, source, self._fanout, self._runtime)
        return room

    def of(self, name: str) -> Room:
        return self._rooms[name]

    def find(self, name: str) -> Room | None:
        return self._rooms.get(name)

    def with_source(self, kind: type[Kind]) -> list[tuple[Room, Kind]]:
        """Those that are open with a source of this kind."""
        return [(room, room.source) for room in list(self._rooms.values()) if isinstance(room.source, kind)]

    def admit(self, name: str, source: Callable[[], Source], member: Member) -> dict[str, Any] | None:
        """`Room.admit`, into a room that is opened if it is not there; making its source must not wait."""
        while True:
            with self._lock:
                room = self._rooms.get(name) or self.open(name, source())
            with suppress(Closed):
                return room.admit(member)

    def close_if_empty(self, name: str) -> None:
        """Forget a room that nobody is in; one that is not open is no error."""
        room = self._rooms.get(name)
        if room is not None and room.close_if_empty():
            with self._lock:
                if self._rooms.get(name) is room:
                    del self._rooms[name]

    def expel(self, sid: str, code: int, why: str) -> None:
        """Close the connection of a Socket.IO client, with a code where it can see one."""
        self._fanout.expel(sid, code, why)

    def say_to(self, sid: str, event: Saying) -> None:
        """Tell one Socket.IO client something, and nobody else."""
        self._fanout.emit(event.type, event.as_object(), room=sid, ignore_queue=True)

    def changed(self, name: str, state: Callable[[], Any], part: str = "") -> None:
        """Something this worker did changed the value of a room, which need not be open here.

        `state` is what other workers need to know to show the same, or to show the same in this `part`.
        """
        self.shown(name)
        self._bus.say(name, state, part)

    def shown(self, name: str) -> None:
        """The value of a room may have changed without this worker's doing; one that is not open is no error."""
        room = self._rooms.get(name)
        if room is not None:
            room.changed()

    def hear(self, name: str, state: Any) -> None:
        """Another worker says what a room's value is."""
        room = self._rooms.get(name)
        if room is not None:
            room.source.merge(state)
            room.changed()
