"""Broadcasts events to all clients of a room. An event is encoded once and written to each connection (decision 1).

Host applications send through `emit`, as they do with Flask-SocketIO. All members of a room receive the same JSON.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import nullcontext
from math import inf
from typing import Any, NamedTuple

from .client_rooms import ClientRooms, SocketioClient
from .encoded_event import NAMESPACE, EncodedEvent
from .sinks import Member, Members, Sink

WRITES_IN_A_ROW, COPIES_IN_A_ROW = 128, 32
"""After this many writes (about 1 ms), or writes of different values, a broadcast lets other tasks run."""


OnSent = Callable[[str, str, int, int, int | None, float], None]
"""Called once per broadcast with the room, event, number of receivers, bytes per receiver, revision, and
duration (s).
"""

OnSentToOne = Callable[[str], None]
"""Called with the name of an event that was sent to only one member."""

Epoch = Callable[[], str]
"""Returns the site's current epoch in base 36, for events without stats."""


class Effort(NamedTuple):
    """The time spent on some work."""

    cpu_s: float  # of this thread; less than the elapsed time if workers share a core
    elapsed_s: float

    @classmethod
    def so_far(cls) -> "Effort":
        return cls(time.thread_time(), time.monotonic())

    def plus(self, other: "Effort") -> "Effort":
        return Effort(self.cpu_s + other.cpu_s, self.elapsed_s + other.elapsed_s)

    def minus(self, other: "Effort") -> "Effort":
        return Effort(self.cpu_s - other.cpu_s, self.elapsed_s - other.elapsed_s)


class LocalFanout(ClientRooms):
    """The rooms of this worker and their clients.

    A member receives an event with a revision at most once, and never after a newer one, even if events are emitted out
    of order. An event without a revision is always sent.
    """

    _on_sent: OnSent
    _on_sent_to_one: OnSentToOne
    _epoch: Epoch

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._broadcast_locks: dict[str, threading.Lock] = {}
        self._encoded: tuple[dict[str, Any], EncodedEvent] | None = None  # the value last encoded for a single member
        # Under other WSGI servers, clients are served by threads. `Room` also uses this lock. It must not be held while
        # blocking.
        self.lock = threading.RLock()
        self.paused = Effort(0.0, 0.0)
        """Total time that broadcasts have yielded to other tasks."""

    def set_up(self, on_sent: OnSent, on_sent_to_one: OnSentToOne, epoch: Epoch) -> None:
        """Finish the construction, because python-socketio's managers do not pass arguments on."""
        self._on_sent, self._on_sent_to_one, self._epoch = on_sent, on_sent_to_one, epoch

    # Members of a room

    def admit(self, room: str, member: Member, event: str, data: dict[str, Any], revision: int | None = None) -> bool:
        """Add a member to a room, and send it the room's current value as its first event. Both happen under the lock,
        so each change is in that value or arrives after it. Returns False for a Socket.IO client that has disconnected.
        """
        with self.lock:
            sink = self.sink_of(member)
            if sink is None:
                return False
            self.enter(room, sink)
            self.send_to(room, sink, event, data, revision)
        return True

    def admit_to_all(
        self, rooms: Collection[str], member: Member, event: str, data: dict[str, Any], revision: int
    ) -> bool:
        """Add a member to several rooms, and send it one event with all their values. Returns False like `admit`."""
        with self.lock:
            sink = self.sink_of(member)
            if sink is None:
                return False
            for room in rooms:
                self.enter(room, sink)
                self._members[room][sink] = revision
            sink.write_event(self._encode(event, (data,), revision))
        self._on_sent_to_one(event)
        return True

    def dismiss(self, room: str, member: Member) -> None:
        """Remove a member that has left or disconnected. Idempotent."""
        with self.lock:
            self.leave(room, member)

    def send_to(self, room: str, member: Member, event: str, data: dict[str, Any], revision: int | None = None) -> None:
        """Send a value of the room to one member, unless it has already received a newer one. The same value can be
        sent again. Does nothing for a client that is not in the room.
        """
        with self.lock:
            if self._encoded is None or self._encoded[0] is not data:
                self._encoded = (data, self._encode(event, (data,), revision))
            ready, sink, members = self._encoded[1], self.sink_of(member), self._members.get(room, {})
            if sink not in members or (ready.revision is not None and members[sink] > ready.revision):
                return
            if ready.revision is not None:
                members[sink] = ready.revision
            sink.write_event(ready)
        self._on_sent_to_one(event)

    def _encode(self, event: str, data: tuple[Any, ...], revision: int | None) -> EncodedEvent:
        return EncodedEvent.of(self.server.packet_class, event, data, revision, self._epoch())

    def disconnect_client(self, sid: str, code: int, why: str) -> None:
        """Disconnect a Socket.IO client, with a close code if it uses a WebSocket."""
        client = self.server.eio.sockets.get(self.eio_sid_from_sid(sid, NAMESPACE))
        connection = getattr(client, "connection", None)
        if connection is not None:
            connection.close(code, why)
        elif client is not None:
            client.close(wait=False)

    def sinks(self) -> dict[str, list[Sink]]:
        """The members of each room."""
        with self.lock:
            return {room: list(members) for room, members in self._members.items()}

    # Methods that python-socketio calls

    def emit(
        self,
        event: str,
        data: Any,
        namespace: str | None = None,
        room: Any = None,
        skip_sid: Any = None,
        callback: Any = None,
        to: Any = None,
        revision: int | None = None,
        **options: Any,
    ) -> None:
        """Send an event to all clients in `room` on this worker. `revision` is as in `EncodedEvent`."""
        room, namespace = to or room, namespace or NAMESPACE
        values = data if isinstance(data, tuple) else () if data is None else (data,)
        is_ours = namespace == NAMESPACE and isinstance(room, str) and not callback
        if not is_ours or self.server.packet_class.data_is_binary(list(values)):
            super().emit(event, data, namespace, room=room, skip_sid=skip_sid, callback=callback, **options)
            return
        ready, members = self._encode(event, values, revision), self.members_of(room)
        began = time.monotonic()
        guard: Any = nullcontext()
        if len(members) >= WRITES_IN_A_ROW:
            # Broadcasts follow one another, even though other tasks run between the batches of each.
            guard = self._broadcast_locks.setdefault(room, threading.Lock())
        with guard:
            sinks = list(members)
            if skip_sid:
                skipped = skip_sid if isinstance(skip_sid, list) else [skip_sid]
                sinks = [sink for sink in sinks if sink not in skipped]
            if not ready.json:
                sinks = [sink for sink in sinks if isinstance(sink, SocketioClient)]
            written = self._write(ready, members, sinks)
        if written:
            self._on_sent(room, event, written, len(ready.socketio), ready.revision, time.monotonic() - began)

    def send_own(self, room: str, event: str, revision: int, own: Callable[[Sink], str]) -> None:
        """Send each member of a room its own value, which `own` returns as JSON."""
        began, written, size, epoch = time.monotonic(), 0, 0, self._epoch()
        members, encoded = self.members_of(room), dict[str, EncodedEvent]()
        for sinks in self._in_batches(list(members), COPIES_IN_A_ROW):
            for sink in sinks:
                if members.get(sink, revision) >= revision:  # it has left, or has this value
                    continue
                members[sink], json = revision, own(sink)
                if json not in encoded:
                    encoded[json] = EncodedEvent.of_json(event, json, revision, epoch)
                sink.write_event(encoded[json])
                written, size = written + 1, len(json)
        if written:
            self._on_sent(room, event, written, size, revision, time.monotonic() - began)

    def let_others_run(self) -> None:
        """Let other tasks run during a broadcast."""
        began = Effort.so_far()
        time.sleep(0)
        self.paused = self.paused.plus(Effort.so_far().minus(began))

    def _remove(self, room: str, member: Any) -> None:
        super()._remove(room, member)
        if not self.member_count(room):
            self._broadcast_locks.pop(room, None)

    def _write(self, event: EncodedEvent, members: Members, sinks: list[Sink]) -> int:
        """Write to each of these members that does not have this value or a newer one, and that does not leave during
        the broadcast. This method accounts for most of a broadcast's cost, so it avoids calls and look-ups.
        """
        written, revision = 0, event.revision
        newest = inf if revision is None else revision
        for batch in self._in_batches(sinks, WRITES_IN_A_ROW):
            for sink in batch:
                sent = members.get(sink)
                if sent is None or sent >= newest:
                    continue
                if revision is not None:
                    members[sink] = revision
                sink.write_event(event)
                written += 1
        return written

    def _in_batches(self, members: list[Sink], size: int) -> Iterator[list[Sink]]:
        """Yield members in batches, and hold the lock while each batch is written. Other tasks run between batches."""
        for start in range(0, len(members), size):
            if start:
                self.let_others_run()
            with self.lock:
                yield members[start : start + size]
