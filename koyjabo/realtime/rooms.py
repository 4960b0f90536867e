"""Rooms: the newest value of each on its way to everybody in it, no faster than they can take it.

The first change goes out at once. While changes keep coming there is one broadcast an interval, and the last value
always arrives (SPEC: What is promised, 2). A value is made when it is sent, so nothing waits in a queue and gets old.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from koyjabo.realtime.fanout import LocalFanout, Member
from koyjabo.runtime import Runtime

log = logging.getLogger(__name__)

SHORTEST_INTERVAL_S = 0.05
REST = 4
"""Times as long as the last broadcast took, without what it stood back for: at most a fifth of the worker's time goes
into one room."""


class Event(Protocol):
    """See `koyjabo.events`."""

    @property
    def type(self) -> str: ...

    @property
    def revision(self) -> int: ...

    def as_object(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Source:
    """Where a room's values come from. None of it waits."""

    present: Callable[[], Event]
    """The newest value. An equal revision is the same value."""
    state: Callable[[], Any]
    """What other workers need to know to show the same, as JSON."""
    merge: Callable[[Any], None]
    """Take in what another worker's `state` said. Older news changes nothing."""


class Bus(Protocol):
    """What is told to other workers, in a while and without waiting for it."""

    on_value: Callable[[str, Any], None]
    """Called with a room and its state, when another worker said it."""

    def say(self, room: str, state: Callable[[], Any]) -> None: ...


class Silence:
    """There are no other workers."""

    on_value: Callable[[str, Any], None]

    def say(self, room: str, state: Callable[[], Any]) -> None:
        pass


class Room:
    """One room of this worker."""

    def __init__(self, name: str, source: Source, fanout: LocalFanout, runtime: Runtime) -> None:
        self.source = source
        self._name = name
        self._fanout = fanout
        self._runtime = runtime
        self._changed = self._sending = False
        self._sent_revision = 0
        self._lock = threading.Lock()

    def changed(self) -> None:
        """Send the newest value soon, unless it has been sent."""
        with self._lock:
            self._changed = True
            if self._sending or not self._fanout.audience(self._name):
                return
            self._sending = True
        self._runtime.start_task(self._send_while_it_changes)

    def admit(self, member: Member) -> bool:
        """Let a member in; the first thing it hears is the present value. False for one who has gone already."""
        event = self.source.present()
        return self._fanout.admit(self._name, member, event.type, event.as_object())

    def dismiss(self, sink: Any) -> None:
        self._fanout.dismiss(self._name, sink)

    def tell(self, member: Member) -> dict[str, Any]:
        """Send the present value to one member, and return it."""
        event = self.source.present()
        value = event.as_object()
        self._fanout.tell(self._name, member, event.type, value)
        return value

    def _send_while_it_changes(self) -> None:
        while self._take_change():
            began, paused_s = time.monotonic(), self._fanout.paused_s
            try:
                self._send()
            except Exception:  # the next change gets its chance
                log.exception("broadcast_failed room=%s", self._name)
            took_s = time.monotonic() - began - (self._fanout.paused_s - paused_s)
            time.sleep(max(SHORTEST_INTERVAL_S, REST * took_s))

    def _take_change(self) -> bool:
        with self._lock:
            self._sending = self._changed
            self._changed = False
            return self._sending

    def _send(self) -> None:
        event = self.source.present()
        if event.revision > self._sent_revision:
            self._fanout.emit(event.type, event.as_object(), room=self._name, ignore_queue=True)
            self._sent_revision = event.revision


class Rooms:
    """All rooms of this worker. Changes made here are told to the other workers, too."""

    def __init__(self, fanout: LocalFanout, runtime: Runtime, bus: Bus) -> None:
        self._fanout = fanout
        self._runtime = runtime
        self._bus = bus
        self._rooms: dict[str, Room] = {}

    def open(self, name: str, source: Source) -> Room:
        self._rooms[name] = room = Room(name, source, self._fanout, self._runtime)
        return room

    def of(self, name: str) -> Room:
        return self._rooms[name]

    def expel(self, sid: str, code: int, why: str) -> None:
        """Close the connection of a Socket.IO client, with a code where it can see one."""
        self._fanout.expel(sid, code, why)

    def changed(self, name: str) -> None:
        """Something this worker did changed the value of a room."""
        room = self._rooms[name]
        room.changed()
        self._bus.say(name, room.source.state)

    def shown(self, name: str) -> None:
        """The value of a room may have changed without this worker's doing."""
        self._rooms[name].changed()

    def hear(self, name: str, state: Any) -> None:
        """Another worker says what a room's value is."""
        room = self._rooms.get(name)
        if room is not None:
            room.source.merge(state)
            room.changed()
