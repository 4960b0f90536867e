"""One way out to everybody in a room: bytes are made once and written to each connection (decision 1).

python-socketio keeps its rooms, and `emit` is the public method it and Flask-SocketIO send through. The plain
WebSockets in a room of the same name are kept here, and hear the same JSON.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any, Protocol

import socketio

from koyjabo.realtime.encoded_event import NAMESPACE, Ready

WRITES_IN_A_ROW = 128
"""Then whatever else is waiting has its turn: 1 ms or so."""


class Sink(Protocol):
    """A WebSocket that takes ready frames. `write` never waits and never raises."""

    def write(self, data: bytes) -> None: ...


CONNECT_PAUSE_S = 0.005

Member = str | Sink
"""A Socket.IO client by its sid, or a plain WebSocket."""

OnSent = Callable[[str, str, int, int, int | None, float], None]
"""Called once a broadcast: room, event, how many received it, bytes for each, revision, how long it took (s)."""

OnTold = Callable[[str], None]
"""Called with each event that one member alone was sent."""


class LocalFanout(socketio.Manager):
    """The clients of this worker.

    What carries a revision reaches each member at most once and never after a newer one, in whatever order it is
    emitted; what carries none is sent as told.
    """

    _on_sent: OnSent
    _on_told: OnTold

    def __init__(self, **options: Any) -> None:
        """Subclasses set the two above: python-socketio's own managers pass no arguments on."""
        super().__init__(**options)
        self._plain: dict[str, set[Sink]] = {}
        self._told: dict[str, dict[Member, int]] = {}
        self._rooms_of: dict[str, tuple[tuple[str, Any], ...]] = {}
        self._senders: dict[str, threading.Lock] = {}
        self.lock = (
            threading.RLock()
        )  # under another WSGI server, threads; of rooms, too; nothing waits while it is held
        self.paused_s = 0.0
        """How long broadcasts have stood back for others, in all."""

    # Who is in a room.

    def admit(self, room: str, member: Member, event: str, data: dict[str, Any], revision: int | None = None) -> bool:
        """Let a member in, with the room's present value as the first thing it hears there.

        Nothing waits in between, so a change is either in that value or comes afterwards. False for a Socket.IO
        client that is not connected any more.
        """
        with self.lock:
            if not isinstance(member, str):
                self._plain.setdefault(room, set()).add(member)
            elif self.is_connected(member, NAMESPACE):
                self.basic_enter_room(member, NAMESPACE, room)
            else:
                return False
            self.tell(room, member, event, data, revision)
        return True

    def dismiss(self, room: str, member: Member) -> None:
        """A member has gone, or has left the room; one that was not there is no error."""
        with self.lock:
            if isinstance(member, str):
                if member in self._participants(room):
                    self.basic_leave_room(member, NAMESPACE, room)
                return
            members = self._plain.get(room, set())
            members.discard(member)
            if not members:
                self._plain.pop(room, None)
            self._forget(room, member)

    def tell(self, room: str, member: Member, event: str, data: dict[str, Any], revision: int | None = None) -> None:
        """Send a value of the room to one member, unless it has heard a newer one. The same again is no harm.

        One who is not there, or has gone, is told nothing.
        """
        ready = Ready(self.server.packet_class, event, (data,), NAMESPACE, revision)
        with self.lock:
            engine_sid = self._participants(room).get(member)
            if engine_sid is None and member not in self._plain.get(room, ()):
                return
            if ready.revision is not None:
                told = self._told.setdefault(room, {})
                if told.get(member, -1) > ready.revision:
                    return
                told[member] = ready.revision
            if isinstance(member, str):
                self.server._send_eio_packet(engine_sid, ready.packet)
            else:
                member.write(ready.plain or b"")
        self._on_told(event)

    def expel(self, sid: str, code: int, why: str) -> None:
        """Close the connection of a Socket.IO client; one without is disconnected."""
        client = self.server.eio.sockets.get(self.eio_sid_from_sid(sid, NAMESPACE))
        connection = getattr(client, "connection", None)
        if connection is not None:
            connection.close(code, why)
        elif client is not None:
            client.close(wait=False)

    def audience(self, room: str) -> int:
        """How many members the room has here."""
        return len(self._plain.get(room, ())) + len(self._participants(room))

    def plain_sockets(self) -> dict[str, int]:
        """How many plain WebSockets each room has here."""
        with self.lock:
            return {room: len(members) for room, members in self._plain.items()}

    def clients(self) -> int:
        """How many clients of Socket.IO are connected here."""
        return len(self._participants(None))

    def _participants(self, room: str | None) -> Any:
        return self.rooms.get(NAMESPACE, {}).get(room, {})

    # What python-socketio calls.

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
        """Send an event to everybody in `room` here, of both kinds; `revision` as for `Ready`."""
        room, namespace = to or room, namespace or NAMESPACE
        values = data if isinstance(data, tuple) else () if data is None else (data,)
        if callback or not isinstance(room, str) or self.server.packet_class.data_is_binary(list(values)):
            super().emit(event, data, namespace, room=room, skip_sid=skip_sid, callback=callback, **options)
            return
        ready = Ready(self.server.packet_class, event, values, namespace, revision)
        began = time.monotonic()
        with self._sender(room):
            written = self._send_plain(ready, room) if ready.plain is not None else 0
            written += self._send_socketio(ready, namespace, room, skip_sid)
        if written:
            took_s = time.monotonic() - began
            self._on_sent(room, event, written, len(ready.socketio), ready.revision, took_s)
        with self.lock:
            if not self._told.get(room, True):
                del self._told[room]  # nobody was there

    def connect(self, sid: str, namespace: str) -> str:
        """Called right after a client has been told that it is connected. One that begins to listen only when it reads
        that would miss what comes in the same piece: let it read first.
        """
        connected = super().connect(sid, namespace)
        time.sleep(CONNECT_PAUSE_S)
        return connected

    def basic_enter_room(self, sid: str, namespace: str, room: Any, eio_sid: str | None = None) -> None:
        super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        entered = self._rooms_of.get(sid, ())
        if (namespace, room) not in entered:
            self._rooms_of[sid] = (*entered, (namespace, room))

    def basic_leave_room(self, sid: str, namespace: str, room: Any) -> None:
        super().basic_leave_room(sid, namespace, room)
        left = tuple(entered for entered in self._rooms_of.get(sid, ()) if entered != (namespace, room))
        if left:
            self._rooms_of[sid] = left
        else:
            self._rooms_of.pop(sid, None)
        self._forget(room, sid)

    def basic_disconnect(self, sid: str, namespace: str, **options: Any) -> None:
        """Leave the rooms it is in. python-socketio would look for it in every room there is, its own among them."""
        for entered, room in self._rooms_of.get(sid, ()):
            if entered == namespace:
                self.basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)

    # How it reaches them.

    # These two are most of what a broadcast costs, so they call little and look up less. A client without a connection
    # (polling, in mid-upgrade, under another WSGI server) goes python-socketio's way.

    def _send_plain(self, ready: Ready, room: str) -> int:
        written = 0
        data, revision, members = ready.plain, ready.revision, self._plain.get(room, set())
        for sinks in self._in_pieces(list(members)):
            told = self._told.setdefault(room, {})
            for sink in sinks:
                if sink in members and (revision is None or told.get(sink, -1) < revision):
                    if revision is not None:
                        told[sink] = revision
                    sink.write(data)
                    written += 1
        return written

    def _send_socketio(self, ready: Ready, namespace: str, room: str, skip_sid: Any) -> int:
        written = 0
        data, revision = ready.socketio, ready.revision
        skipped = set(skip_sid) if isinstance(skip_sid, list) else {skip_sid}
        here, clients = self._rooms_of, self.server.eio.sockets
        for participants in self._in_pieces(list(self.get_participants(namespace, room))):
            told = self._told.setdefault(room, {})
            for sid, engine_sid in participants:
                if sid in here and sid not in skipped and (revision is None or told.get(sid, -1) < revision):
                    if revision is not None:
                        told[sid] = revision
                    connection = getattr(clients.get(engine_sid), "connection", None)
                    if connection is not None:
                        connection.write(data)
                    else:
                        self.server._send_eio_packet(engine_sid, ready.packet)
                    written += 1
        return written

    def _in_pieces(self, members: list) -> Iterator[list]:
        """Members to write to in a row, with our lock held; others have their turn in between."""
        for start in range(0, len(members), WRITES_IN_A_ROW):
            if start:
                self._pause()
            with self.lock:
                yield members[start : start + WRITES_IN_A_ROW]

    def _pause(self) -> None:
        began = time.monotonic()
        time.sleep(0)
        self.paused_s += time.monotonic() - began

    def _sender(self, room: str) -> Any:
        """In a room so large that others have their turn in between, one broadcast goes after the other."""
        if self.audience(room) < WRITES_IN_A_ROW:
            return nullcontext()
        return self._senders.setdefault(room, threading.Lock())

    def _forget(self, room: Any, member: Member) -> None:
        told = self._told.get(room)
        if told is not None:
            told.pop(member, None)
            if not told:
                del self._told[room]
                self._senders.pop(room, None)


class MemoryFanout(LocalFanout):
    """For a worker that is alone."""

    def __init__(self, on_sent: OnSent, on_told: OnTold) -> None:
        self._on_sent = on_sent
        self._on_told = on_told
        super().__init__()
