"""One room: the newest value on its way to everybody in it, no faster than they can take it.

The first change goes out at once. While changes keep coming there is one broadcast an interval, and the last value
always arrives (specification: promise 2). A value is made when it is sent, so nothing waits in a queue and gets old.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from koyjabo.realtime.fanout import LocalFanout, Member
from koyjabo.runtime import Runtime, Waiter

log = logging.getLogger("koyjabo.websockets")

SHORTEST_INTERVAL_S = 0.05
REST = 4
"""Times as long as the last broadcast took, without what it stood back for: at most a fifth of the worker's time goes
into one room."""


class Saying(Protocol):
    """See `koyjabo.realtime.events`."""

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


class Turn:
    """One member who waits for their turn. Whoever takes it off the list wakes it."""

    def __init__(self, member: Member, is_new: bool, waiter: Waiter) -> None:
        self.member = member
        self.is_new = is_new
        self.waiter = waiter
        self.value: dict[str, Any] | None = None


class Closed(Exception):
    """Nobody was in the room any more; open it again."""


class Room:
    """One room of this worker."""

    def __init__(self, name: str, source: Source, fanout: LocalFanout, runtime: Runtime) -> None:
        self.source = source
        self._name = name
        self._fanout = fanout
        self._runtime = runtime
        self._changed = self._sending = self._closed = False
        self._sent_revision = 0
        self._turns: dict[Turn, None] = {}
        # One for all rooms and the fan-out: who is written to may turn out to be gone, and then leaves all of them.
        self._lock = fanout.lock

    def close_if_empty(self) -> bool:
        """True when nobody is here; then it is closed for good."""
        with self._lock:
            self._closed = self._closed or self._is_empty
            return self._closed

    def changed(self) -> None:
        """Send the newest value soon, unless it has been sent."""
        with self._lock:
            self._changed = True
            if self._sending or self._closed or self._is_empty:
                return
            self._sending = True
        self._runtime.start_task(self._send_while_it_changes)

    def admit(self, member: Member) -> dict[str, Any] | None:
        """Let a member in; the first thing it hears is the present value, which is returned. None for one who has gone
        already. Raises Closed.

        Waits, where values are relative, until the others have been told.
        """
        if self.source.is_relative:
            return self._in_turn(member, is_new=True)
        with self._lock:
            if self._closed:
                raise Closed
            return self._let_in(member)

    def dismiss(self, member: Member) -> None:
        """A member has gone, or has left; one that was not there is no error."""
        with self._lock:
            given_up = [turn for turn in self._turns if turn.member == member]
            for turn in given_up:
                del self._turns[turn]
        self._fanout.dismiss(self._name, member)
        for turn in given_up:
            self._runtime.soon(turn.waiter.wake)

    def tell(self, member: Member) -> dict[str, Any] | None:
        """Send the present value to one member, and return it; None to one who is not there. Waits as `admit` does."""
        if not self.source.is_relative:
            return self._tell(member)
        try:
            return self._in_turn(member, is_new=False)
        except Closed:
            return None

    @property
    def _is_empty(self) -> bool:
        return not self._turns and not self._fanout.audience(self._name)

    def _in_turn(self, member: Member, is_new: bool) -> dict[str, Any] | None:
        turn = Turn(member, is_new, self._runtime.waiter())
        with self._lock:
            if self._closed:
                raise Closed
            self._turns[turn] = None
        self.changed()
        turn.waiter.wait()
        return turn.value

    def _let_in(self, member: Member) -> dict[str, Any] | None:
        event = self.source.greeting()
        value = event.as_object()
        return value if self._fanout.admit(self._name, member, event.type, value, event.revision) else None

    def _tell(self, member: Member) -> dict[str, Any]:
        event = self.source.greeting()
        value = event.as_object()
        self._fanout.tell(self._name, member, event.type, value, event.revision)
        return value

    def _send_while_it_changes(self) -> None:
        while self._take_change():
            turns = list(self._turns)
            try:
                rest_s = self._send()
            except Exception:  # the next change gets its chance
                log.exception("broadcast_failed room=%s", self._name)
                rest_s = self.source.interval_s
            for turn in turns:
                self._take(turn)
            time.sleep(rest_s)

    def _take_change(self) -> bool:
        with self._lock:
            self._sending = self._changed and not self._closed
            self._changed = False
            return self._sending

    def _send(self) -> float:
        """Say what there is to say. Returns how long to rest afterwards, s: making the news is not what it costs."""
        news = self.source.news(self._sent_revision)
        began, paused_s = time.monotonic(), self._fanout.paused_s
        for event in news:
            self._sent_revision = event.revision
            self._fanout.emit(
                event.type, event.as_object(), room=self._name, ignore_queue=True, revision=event.revision
            )
        took_s = time.monotonic() - began - (self._fanout.paused_s - paused_s)
        return max(self.source.interval_s if news else SHORTEST_INTERVAL_S, REST * took_s)

    def _take(self, turn: Turn) -> None:
        """Let in or answer one who has waited, unless they have gone meanwhile."""
        with self._lock:
            if turn not in self._turns:
                return
            del self._turns[turn]
            try:
                turn.value = self._let_in(turn.member) if turn.is_new else self._tell(turn.member)
            except Exception:
                log.exception("turn_failed room=%s", self._name)
        self._runtime.soon(turn.waiter.wake)
