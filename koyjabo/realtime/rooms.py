"""Rooms: the newest value of each on its way to everybody in it, no faster than they can take it.

The first change goes out at once. While changes keep coming there is one broadcast an interval, and the last value
always arrives (SPEC: What is promised, 2). A value is made when it is sent, so nothing waits in a queue and gets old.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from koyjabo.realtime.fanout import LocalFanout, Member
from koyjabo.runtime import Runtime, Waiter

log = logging.getLogger(__name__)

SHORTEST_INTERVAL_S = 0.05
REST = 4
"""Times as long as the last broadcast took, without what it stood back for: at most a fifth of the worker's time goes
into one room."""


class Saying(Protocol):
    """See `koyjabo.events`."""

    @property
    def type(self) -> str: ...

    def as_object(self) -> dict[str, Any]: ...


class Event(Saying, Protocol):
    """A value of a room."""

    @property
    def revision(self) -> int: ...


class Source(Protocol):
    """Where the values of one room come from, on this worker."""

    interval_s: float
    """The shortest time between two broadcasts."""

    is_relative: bool
    """An event says how much changed since the one before. Then one may come in only when the others were just told."""

    def greeting(self) -> Event:
        """What one who comes in is told first. Does not wait."""

    def news(self, after: int) -> Sequence[Event]:
        """What those in the room are to be told, at revisions that grow from `after` on. May wait."""

    def merge(self, state: Any) -> None:
        """Take in what another worker said of this room. Older news changes nothing."""


@dataclass(slots=True)
class Newest:
    """Values that are whole. None of the calls waits; an equal revision is the same value."""

    present: Callable[[], Event]
    merge: Callable[[Any], None]
    interval_s: float = SHORTEST_INTERVAL_S
    is_relative: bool = False

    def greeting(self) -> Event:
        return self.present()

    def news(self, after: int) -> Sequence[Event]:
        event = self.present()
        return [event] if event.revision > after else []


class Bus(Protocol):
    """What is told to other workers, in a while and without waiting for it."""

    on_value: Callable[[str, Any], None]
    """Called with a room and its state, when another worker said it."""

    def say(self, room: str, state: Callable[[], Any], part: str = "") -> None:
        """Tell the state of a room, or of one part of it, as it is when it is sent: JSON; making it does not wait."""


class Silence:
    """There are no other workers."""

    on_value: Callable[[str, Any], None]

    def say(self, room: str, state: Callable[[], Any], part: str = "") -> None:
        pass


class Newcomer:
    """One who waits to be let in. Whoever takes it off the list wakes it."""

    def __init__(self, waiter: Waiter) -> None:
        self.waiter = waiter
        self.is_in = False


class Room:
    """One room of this worker."""

    def __init__(self, name: str, source: Source, fanout: LocalFanout, runtime: Runtime) -> None:
        self.source = source
        self._name = name
        self._fanout = fanout
        self._runtime = runtime
        self._changed = self._sending = False
        self._sent_revision = 0
        self._newcomers: dict[Member, Newcomer] = {}
        self._lock = threading.Lock()

    @property
    def is_empty(self) -> bool:
        return not self._newcomers and not self._fanout.audience(self._name)

    def changed(self) -> None:
        """Send the newest value soon, unless it has been sent."""
        with self._lock:
            self._changed = True
            if self._sending or self.is_empty:
                return
            self._sending = True
        self._runtime.start_task(self._send_while_it_changes)

    def admit(self, member: Member) -> bool:
        """Let a member in; the first thing it hears is the present value. False for one who has gone already.

        Waits, where values are relative, until the others have been told.
        """
        if not self.source.is_relative:
            return self._let_in(member)
        newcomer = self._newcomers[member] = Newcomer(self._runtime.waiter())
        self.changed()
        newcomer.waiter.wait()
        return newcomer.is_in

    def dismiss(self, member: Member) -> None:
        """A member has gone, or has left; one that was not there is no error."""
        newcomer = self._newcomers.pop(member, None)
        self._fanout.dismiss(self._name, member)
        if newcomer is not None:
            self._runtime.soon(newcomer.waiter.wake)

    def tell(self, member: Member) -> dict[str, Any]:
        """Send the present value to one member, and return it."""
        event = self.source.greeting()
        value = event.as_object()
        self._fanout.tell(self._name, member, event.type, value, event.revision)
        return value

    def _let_in(self, member: Member) -> bool:
        event = self.source.greeting()
        return self._fanout.admit(self._name, member, event.type, event.as_object(), event.revision)

    def _send_while_it_changes(self) -> None:
        while self._take_change():
            began, paused_s = time.monotonic(), self._fanout.paused_s
            newcomers = list(self._newcomers)
            try:
                said = self._send()
            except Exception:  # the next change gets its chance
                log.exception("broadcast_failed room=%s", self._name)
                said = True
            for member in newcomers:
                self._take_in(member)
            took_s = time.monotonic() - began - (self._fanout.paused_s - paused_s)
            time.sleep(max(self.source.interval_s if said else SHORTEST_INTERVAL_S, REST * took_s))

    def _take_change(self) -> bool:
        with self._lock:
            self._sending = self._changed
            self._changed = False
            return self._sending

    def _send(self) -> bool:
        """False when there was nothing to say."""
        news = self.source.news(self._sent_revision)
        for event in news:
            self._sent_revision = event.revision
            self._fanout.emit(
                event.type, event.as_object(), room=self._name, ignore_queue=True, revision=event.revision
            )
        return bool(news)

    def _take_in(self, member: Member) -> None:
        """Let in one who has waited, unless they have gone meanwhile."""
        newcomer = self._newcomers.pop(member, None)
        if newcomer is None:
            return
        try:
            newcomer.is_in = self._let_in(member)
        except Exception:
            log.exception("admission_failed room=%s", self._name)
        self._runtime.soon(newcomer.waiter.wake)


class Rooms:
    """The rooms of this worker that somebody is in, and those that are always there. Changes made here are told to the
    other workers, too.
    """

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

    def find(self, name: str) -> Room | None:
        return self._rooms.get(name)

    def close_if_empty(self, name: str) -> None:
        """Forget a room that nobody is in; one that is not open is no error."""
        room = self._rooms.get(name)
        if room is not None and room.is_empty:
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
