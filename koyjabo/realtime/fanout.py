"""Broadcasts events to all clients of a room. An event is encoded once and written to each connection (decision 1).

python-socketio keeps its clients' rooms and sends through `emit`, as does Flask-SocketIO. This module adds plain
WebSockets and streams to the room with the same name. They receive the same JSON.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import nullcontext
from math import inf
from typing import Any, NamedTuple, TypeVar

from engineio.packet import MESSAGE, Packet as EnginePacket
from socketio.packet import EVENT

from .encoded_event import NAMESPACE, EncodedEvent
from .frames import frame, stream_frame
from .sinks import NO_REVISION, Member, Members, Sink
from .strict_packets import ClientRooms

Each = TypeVar("Each")

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
        self._plain: dict[str, Members] = {}
        self._streams: dict[str, Members] = {}
        self._sent: dict[str, dict[str, int]] = {}  # the latest revision sent, by room and Socket.IO client
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
            if not isinstance(member, str):
                self._sinks(member).setdefault(room, {}).setdefault(member, NO_REVISION)
            elif self.is_connected(member, NAMESPACE):
                self.basic_enter_room(member, NAMESPACE, room)
            else:
                return False
            self.send_to(room, member, event, data, revision)
        return True

    def admit_to_all(
        self, rooms: Collection[str], member: Member, event: str, data: dict[str, Any], revision: int
    ) -> bool:
        """Add a member to several rooms, and send it one event with all their values. Returns False like `admit`."""
        with self.lock:
            ready = self._encode(event, (data,), NAMESPACE, revision)
            if not isinstance(member, str):
                for room in rooms:
                    self._sinks(member).setdefault(room, {})[member] = revision
                member.write((ready.stream if member.is_stream else ready.plain) or b"")
            elif self.is_connected(member, NAMESPACE):
                for room in rooms:
                    self.basic_enter_room(member, NAMESPACE, room)
                    self._sent.setdefault(room, {})[member] = revision
                self.server._send_eio_packet(self.eio_sid_from_sid(member, NAMESPACE), ready.packet)
            else:
                return False
        self._on_sent_to_one(event)
        return True

    def dismiss(self, room: str, member: Member) -> None:
        """Remove a member that has left or disconnected. Idempotent."""
        with self.lock:
            if isinstance(member, str):
                if member in self._participants().get(room, ()):
                    self.basic_leave_room(member, NAMESPACE, room)
                return
            rooms = self._sinks(member)
            members = rooms.get(room, {})
            members.pop(member, None)
            if not members:
                rooms.pop(room, None)
            self._forget_broadcasts(room)

    def send_to(self, room: str, member: Member, event: str, data: dict[str, Any], revision: int | None = None) -> None:
        """Send a value of the room to one member, unless it has already received a newer one. The same value can be
        sent again. Does nothing for a client that is not in the room.
        """
        with self.lock:
            if self._encoded is None or self._encoded[0] is not data:
                self._encoded = (data, self._encode(event, (data,), NAMESPACE, revision))
            ready = self._encoded[1]
            if isinstance(member, str):
                engine_sid = self._participants().get(room, {}).get(member)
                if engine_sid is None or not _take(self._sent.setdefault(room, {}), member, ready.revision):
                    return
                self.server._send_eio_packet(engine_sid, ready.packet)
            else:
                members = self._sinks(member).get(room, {})
                if member not in members or not _take(members, member, ready.revision):
                    return
                member.write((ready.stream if member.is_stream else ready.plain) or b"")
        self._on_sent_to_one(event)

    def _sinks(self, member: Sink) -> dict[str, Members]:
        return self._streams if member.is_stream else self._plain

    def _encode(self, event: str, data: tuple[Any, ...], namespace: str, revision: int | None) -> EncodedEvent:
        return EncodedEvent(self.server.packet_class, event, data, namespace, revision, self._epoch())

    def disconnect_client(self, sid: str, code: int, why: str) -> None:
        """Disconnect a Socket.IO client, with a close code if it uses a WebSocket."""
        client = self.server.eio.sockets.get(self.eio_sid_from_sid(sid, NAMESPACE))
        connection = getattr(client, "connection", None)
        if connection is not None:
            connection.close(code, why)
        elif client is not None:
            client.close(wait=False)

    def member_count(self, room: str) -> int:
        """The number of members of the room on this worker."""
        return sum(len(members.get(room, ())) for members in (self._plain, self._streams, self._participants()))

    def plain_sockets(self) -> dict[str, int]:
        """The number of plain WebSockets in each room on this worker."""
        with self.lock:
            return {room: len(members) for room, members in self._plain.items()}

    def streams(self) -> int:
        """The number of open streams on this worker."""
        with self.lock:
            return len({sink for members in self._streams.values() for sink in members})

    def clients(self) -> int:
        """The number of connected Socket.IO clients on this worker."""
        return len(self._participants().get(None, ()))

    def _participants(self) -> Any:
        """Return the Socket.IO clients by room. They are all in the room None."""
        return self.rooms.get(NAMESPACE, {})

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
        if callback or not isinstance(room, str) or self.server.packet_class.data_is_binary(list(values)):
            super().emit(event, data, namespace, room=room, skip_sid=skip_sid, callback=callback, **options)
            return
        ready = self._encode(event, values, namespace, revision)
        began = time.monotonic()
        guard: Any = nullcontext()
        if self.member_count(room) >= WRITES_IN_A_ROW:
            # Broadcasts follow one another, even though other tasks run between the batches of each.
            guard = self._broadcast_locks.setdefault(room, threading.Lock())
        with guard:
            written = 0
            if ready.plain is not None and ready.stream is not None:
                written += self._send_to_sinks(ready.plain, ready.revision, self._plain.get(room, {}))
                written += self._send_to_sinks(ready.stream, ready.revision, self._streams.get(room, {}))
            written += self._send_socketio(ready, namespace, room, skip_sid)
        if written:
            took_s = time.monotonic() - began
            self._on_sent(room, event, written, len(ready.socketio), ready.revision, took_s)
        with self.lock:
            if not self._sent.get(room, True):
                del self._sent[room]  # the room is empty

    def send_own(self, room: str, event: str, revision: int, own: Callable[[Member], str]) -> None:
        """Send each member of a room its own value, which `own` returns as JSON."""
        began, written, size, epoch = time.monotonic(), 0, 0, self._epoch()
        sinks = [*self._plain.get(room, ()), *self._streams.get(room, ())]
        for members in self._in_batches([*sinks, *self._participants().get(room, ())], COPIES_IN_A_ROW):
            for member in members:
                is_client = isinstance(member, str)
                held = self._participants() if is_client else self._sinks(member)
                if member not in held.get(room, ()):  # it has left
                    continue
                sent = self._sent.setdefault(room, {}) if is_client else held[room]
                if sent.get(member, NO_REVISION) >= revision:
                    continue
                sent[member], json = revision, own(member)
                written, size = written + 1, len(json)
                if not is_client:
                    member.write(stream_frame(json, f"{epoch}-{revision}") if member.is_stream else frame(json))
                else:
                    packet = EnginePacket(MESSAGE, f'{EVENT}["{event}",{json}]')
                    self.server._send_eio_packet(held[room][member], packet)
        if written:
            self._on_sent(room, event, written, size, revision, time.monotonic() - began)

    def let_others_run(self) -> None:
        """Let other tasks run during a broadcast."""
        began = Effort.so_far()
        time.sleep(0)
        self.paused = self.paused.plus(Effort.so_far().minus(began))

    def basic_leave_room(self, sid: str, namespace: str, room: Any) -> None:
        super().basic_leave_room(sid, namespace, room)
        sent = self._sent.get(room)
        if sent is not None:
            sent.pop(sid, None)
            if not sent:
                del self._sent[room]
        self._forget_broadcasts(room)

    # Writing to members

    # The next two methods account for most of a broadcast's cost, so they avoid calls and look-ups. python-socketio
    # handles clients that have no connection of ours (polling, upgrading, or under another WSGI server).

    def _send_to_sinks(self, data: bytes, revision: int | None, members: Members) -> int:
        """Send to the plain WebSockets or the streams of a room. Skips members that leave during the broadcast."""
        written, newest = 0, inf if revision is None else revision
        for sinks in self._in_batches(list(members), WRITES_IN_A_ROW):
            for sink in sinks:
                sent = members.get(sink)
                if sent is None or sent >= newest:
                    continue
                if revision is not None:
                    members[sink] = revision
                sink.write(data)
                written += 1
        return written

    def _send_socketio(self, ready: EncodedEvent, namespace: str, room: str, skip_sid: Any) -> int:
        written = 0
        data, revision = ready.socketio, ready.revision
        skipped = set(skip_sid) if isinstance(skip_sid, list) else {skip_sid}
        connected, clients = self._rooms_of, self.server.eio.sockets
        for participants in self._in_batches(list(self.get_participants(namespace, room)), WRITES_IN_A_ROW):
            sent = self._sent.setdefault(room, {})
            for sid, engine_sid in participants:
                if sid in connected and sid not in skipped and (revision is None or sent.get(sid, -1) < revision):
                    if revision is not None:
                        sent[sid] = revision
                    connection = getattr(clients.get(engine_sid), "connection", None)
                    if connection is not None:
                        connection.write(data)
                    else:
                        self.server._send_eio_packet(engine_sid, ready.packet)
                    written += 1
        return written

    def _in_batches(self, members: list[Each], size: int) -> Iterator[list[Each]]:
        """Yield members in batches, and hold the lock while each batch is written. Other tasks run between batches."""
        for start in range(0, len(members), size):
            if start:
                self.let_others_run()
            with self.lock:
                yield members[start : start + size]

    def _forget_broadcasts(self, room: str) -> None:
        if not self.member_count(room):
            self._broadcast_locks.pop(room, None)


def _take(sent: dict[Any, int], member: Member, revision: int | None) -> bool:
    """Record that a value is being sent to a member. Returns False, and records nothing, if the member already has a
    newer one.
    """
    if revision is not None:
        if sent.get(member, NO_REVISION) > revision:
            return False
        sent[member] = revision
    return True
