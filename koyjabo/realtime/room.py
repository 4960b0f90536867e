"""A room: broadcasts its latest value at a limited rate.

The first change is broadcast at once. While changes continue, there is one broadcast per interval, and the last value
always arrives (specification: promise 2). A value is built when it is sent, so old values never wait in a queue.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from koyjabo.base.core.runtime import Runtime, Waiter
from .fanout import Effort, LocalFanout
from .sinks import Member

log = logging.getLogger("koyjabo.websockets")

MIN_INTERVAL_S = 0.05
MAX_WORK_S = 0.001
"""How long a broadcast works on its events before it lets other tasks run, s. Within an event, the fan-out counts."""

REST_PER_CPU_TIME, REST_PER_ELAPSED_TIME = 4, 2
"""Shortest pause after a broadcast, as multiples of its CPU time and its elapsed time, excluding the time of other
tasks. One room takes at most a fifth of a core. The second multiple keeps pauses from growing indefinitely when
workers share a core (decision 1).
"""


class RoomEvent(Protocol):
    """A room's value as a message (`koyjabo.realtime.events`). Its revision orders it among the room's values."""

    @property
    def type(self) -> str: ...

    @property
    def revision(self) -> int: ...

    def as_object(self) -> dict[str, Any]: ...


class EventSource(Protocol):
    """Provides the events of a room on this worker."""

    interval_s: float
    """Minimum time between broadcasts, s."""

    caused_by_visits: bool
    """Whether visits contributed to the last result of `events_after`."""

    def events_after(self, after: int) -> Sequence[RoomEvent]:
        """Return the events for the members, with increasing revisions greater than `after`. May block."""

    def merge(self, state: Any) -> None:
        """Merge a state of the room that another worker has published. An older state changes nothing."""


class RoomSource(EventSource, Protocol):
    """Provides the events of a room that has one value for all members."""

    @property
    def is_relative(self) -> bool:
        """Whether events contain changes relative to the previous event. If so, new members are admitted right after a
        broadcast.
        """

    def first_event(self) -> RoomEvent:
        """Return the first event for a new member. Must not block."""


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return the new and changed values."""
    return {key: value for key, value in now.items() if key not in before or before[key] != value}


class EventRoom:
    """Broadcasts the events of its source to the members on this worker. Subclasses admit members: they call `_hear`
    for each new member before the member gets the current value.
    """

    def __init__(
        self, name: str, source: EventSource, fanout: LocalFanout, runtime: Runtime, hear: Callable[[], object]
    ) -> None:
        self.source = source
        self._hear = hear
        self._name = name
        self._fanout = fanout
        self._runtime = runtime
        self._changed = self._sending = self._closed = False
        self._sent_revision = 0
        # All rooms share the fan-out's lock, because a write can discover that a member is gone and must be removed
        # from all its rooms.
        self._lock = fanout.lock

    @property
    def is_empty(self) -> bool:
        return not self._fanout.member_count(self._name)

    def close_if_empty(self) -> bool:
        """Close the room for good if it is empty. Returns whether it is closed."""
        with self._lock:
            self._closed = self._closed or self.is_empty
            return self._closed

    def changed(self) -> None:
        """Broadcast the latest value soon, unless that has already happened."""
        with self._lock:
            self._changed = True
            if self._sending or self._closed or self.is_empty:
                return
            self._sending = True
        self._runtime.start_task(self._broadcast_while_changing)

    def _broadcast_while_changing(self) -> None:
        while True:
            with self._lock:
                self._sending = self._changed and not self._closed
                self._changed = False
                if not self._sending:
                    return
            try:
                rest_s = self._broadcast()
            except Exception:  # the next change is still broadcast
                log.exception("broadcast_failed room=%s", self._name)
                rest_s = self.source.interval_s
            time.sleep(rest_s)

    def _broadcast(self) -> float:
        """Broadcast the new events. Returns how long to pause afterwards, s. The time spent reading them does not
        count.
        """
        news = self.source.events_after(self._sent_revision)
        began, paused = Effort.so_far(), self._fanout.paused
        worked_since = time.monotonic()
        for event in news:
            if time.monotonic() - worked_since >= MAX_WORK_S:
                self._fanout.let_others_run()
                worked_since = time.monotonic()
            self._sent_revision = event.revision
            self._send(event)
        took = Effort.so_far().minus(began).minus(self._fanout.paused.minus(paused))
        interval_s = self.source.interval_s if news else MIN_INTERVAL_S
        return max(interval_s, REST_PER_CPU_TIME * took.cpu_s, REST_PER_ELAPSED_TIME * took.elapsed_s)

    def _send(self, event: RoomEvent) -> None:
        """Send an event to the room's members."""
        self._send_to(self._name, event)

    def _send_to(self, room: str, event: RoomEvent) -> None:
        self._fanout.emit(event.type, event.as_object(), room=room, ignore_queue=True, revision=event.revision)


@dataclass(eq=False, slots=True)
class Ticket:
    """A member waiting in a room's queue. The code that removes it from the queue also wakes its waiter."""

    member: Member
    is_new: bool
    waiter: Waiter
    value: dict[str, Any] | None = None


class Closed(Exception):
    """The room was closed because it was empty. The caller opens it again."""


class Room(EventRoom):
    """A room with one value for all members, which is the first event of each."""

    source: RoomSource

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._queue: dict[Ticket, None] = {}
        self._present: tuple[RoomEvent, dict[str, Any]] | None = None

    @property
    def is_empty(self) -> bool:
        return not self._queue and super().is_empty

    def admit(self, member: Member) -> dict[str, Any] | None:
        """Admit a member, and send it the current value as its first event. Returns that value, or None if the member
        has disconnected. If values are relative, this blocks until the next broadcast to the other members. Raises
        Closed.
        """
        self._hear()
        if self.source.is_relative:
            return self._wait_in_queue(member, is_new=True)
        with self._lock:
            if self._closed:
                raise Closed
            return self._admit_now(member)

    def dismiss(self, member: Member) -> None:
        """Remove a member that has left or disconnected. Idempotent."""
        with self._lock:
            cancelled = [ticket for ticket in self._queue if ticket.member == member]
            for ticket in cancelled:
                del self._queue[ticket]
        self._fanout.dismiss(self._name, member)
        for ticket in cancelled:
            self._runtime.soon(ticket.waiter.wake)

    def send_present(self, member: Member) -> dict[str, Any] | None:
        """Send the current value to one member and return it, or None if the member is not in the room. Blocks like
        `admit`.
        """
        if not self.source.is_relative:
            return self._send_present(member)
        try:
            return self._wait_in_queue(member, is_new=False)
        except Closed:
            return None

    def _wait_in_queue(self, member: Member, is_new: bool) -> dict[str, Any] | None:
        ticket = Ticket(member, is_new, self._runtime.waiter())
        with self._lock:
            if self._closed:
                raise Closed
            self._queue[ticket] = None
        self.changed()
        ticket.waiter.wait()
        return ticket.value

    def _admit_now(self, member: Member) -> dict[str, Any] | None:
        event, value = self._read_present()
        return value if self._fanout.admit(self._name, member, event.type, value, event.revision) else None

    def _send_present(self, member: Member) -> dict[str, Any]:
        event, value = self._read_present()
        self._fanout.send_to(self._name, member, event.type, value, event.revision)
        return value

    def _read_present(self) -> tuple[RoomEvent, dict[str, Any]]:
        """The first event for a member. Clients that connect together get the same object, so it is encoded once."""
        event = self.source.first_event()
        if self._present is None or self._present[0] != event:
            self._present = (event, event.as_object())
        return self._present

    def _broadcast(self) -> float:
        """Also serve those who were waiting for the broadcast."""
        tickets = list(self._queue)
        try:
            return super()._broadcast()
        finally:
            for ticket in tickets:
                self._serve(ticket)

    def _serve(self, ticket: Ticket) -> None:
        """Admit a waiting member, or send it the value, unless it has disconnected."""
        with self._lock:
            if ticket not in self._queue:
                return
            del self._queue[ticket]
            try:
                ticket.value = self._admit_now(ticket.member) if ticket.is_new else self._send_present(ticket.member)
            except Exception:
                log.exception("turn_failed room=%s", self._name)
        self._runtime.soon(ticket.waiter.wake)
