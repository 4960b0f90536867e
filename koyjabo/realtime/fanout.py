"""One way out to everybody in a room: bytes are made once and written to each connection (DESIGN decision 1).

python-socketio keeps its rooms, and `emit` is the public method it and Flask-SocketIO send through. The plain
WebSockets in a room of the same name are kept here, and hear the same JSON.
"""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from typing import Any, Protocol

import socketio
from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket
from socketio.packet import EVENT

from koyjabo.realtime.frames import frame

NAMESPACE = "/"
WRITES_IN_A_ROW = 128
"""Then whatever else is waiting has its turn: 1 ms or so."""


class Sink(Protocol):
    """A WebSocket that takes ready frames. `write` never waits and never raises."""

    def write(self, data: bytes) -> None: ...


Member = str | Sink
"""A Socket.IO client by its sid, or a plain WebSocket."""


class Ready:
    """An event as the bytes of each kind of client, all made from one piece of JSON."""

    __slots__ = ("packet", "plain", "revision", "socketio")

    def __init__(self, packet_class: Any, event: str, data: tuple, namespace: str) -> None:
        text = packet_class(EVENT, namespace=namespace, data=[event, *data]).encode()
        assert isinstance(text, str)
        self.packet = EnginePacket(MESSAGE, text)
        self.socketio = frame(f"4{text}")
        self.plain: bytes | None = None
        self.revision: int | None = None
        if namespace == NAMESPACE and len(data) == 1:
            before = len(f"{EVENT}[,") + len(packet_class.json.dumps(event))
            self.plain = frame(text[before:-1])
            self.revision = revision_of(data[0])


def revision_of(data: Any) -> int | None:
    """The revision an event's object carries, if it says one."""
    if not isinstance(data, dict):
        return None
    stats = data.get("stats")
    found = stats.get("revision") if isinstance(stats, dict) else data.get("revision")
    return found if isinstance(found, int) else None


class LocalFanout(socketio.Manager):
    """The clients of this worker.

    What carries a revision reaches each member at most once and never after a newer one, in whatever order it is
    emitted; what carries none is sent as told.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._plain: dict[str, set[Sink]] = {}
        self._told: dict[str, dict[Member, int]] = {}
        self._rooms_of: dict[str, tuple[tuple[str, Any], ...]] = {}
        self._senders: dict[str, threading.Lock] = {}
        self.paused_s = 0.0
        """How long broadcasts have stood back for others, in all."""

    # Who is in a room.

    def admit(self, room: str, member: Member, event: str, data: dict[str, Any]) -> bool:
        """Let a member in, with the room's present value as the first thing it hears there.

        Nothing waits in between, so a change is either in that value or comes afterwards. False for a Socket.IO
        client that is not connected any more.
        """
        if isinstance(member, str):
            if not self.is_connected(member, NAMESPACE):
                return False
            self.basic_enter_room(member, NAMESPACE, room)
        else:
            self._plain.setdefault(room, set()).add(member)
        self.tell(room, member, event, data)
        return True

    def dismiss(self, room: str, sink: Sink) -> None:
        """A plain WebSocket is gone; one that was not there is no error."""
        members = self._plain.get(room, set())
        members.discard(sink)
        if not members:
            self._plain.pop(room, None)
        self._forget(room, sink)

    def tell(self, room: str, member: Member, event: str, data: dict[str, Any]) -> None:
        """Send a value of the room to one member, unless it has heard a newer one. The same again is no harm."""
        ready = Ready(self.server.packet_class, event, (data,), NAMESPACE)
        if ready.revision is not None:
            told = self._told.setdefault(room, {})
            if told.get(member, -1) > ready.revision:
                return
            told[member] = ready.revision
        if not isinstance(member, str):
            member.write(ready.plain or b"")
        elif engine_sid := self.eio_sid_from_sid(member, NAMESPACE):
            self.server._send_eio_packet(engine_sid, ready.packet)

    def audience(self, room: str) -> int:
        """How many members the room has here."""
        return len(self._plain.get(room, ())) + len(self.rooms.get(NAMESPACE, {}).get(room, ()))

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
        **options: Any,
    ) -> None:
        """Send an event to everybody in `room` here, of both kinds."""
        room, namespace = to or room, namespace or NAMESPACE
        values = data if isinstance(data, tuple) else () if data is None else (data,)
        if callback or not isinstance(room, str) or self.server.packet_class.data_is_binary(list(values)):
            super().emit(event, data, namespace, room=room, skip_sid=skip_sid, callback=callback, **options)
            return
        ready = Ready(self.server.packet_class, event, values, namespace)
        with self._sender(room):
            if ready.plain is not None:
                self._send_plain(ready, room)
            self._send_socketio(ready, namespace, room, skip_sid)
        if not self._told.get(room, True):
            del self._told[room]  # nobody was there

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

    def _send_plain(self, ready: Ready, room: str) -> None:
        data, revision, told = ready.plain, ready.revision, self._told.setdefault(room, {})
        members = self._plain.get(room, set())
        for count, sink in enumerate(tuple(members), 1):
            if sink in members and (revision is None or told.get(sink, -1) < revision):
                if revision is not None:
                    told[sink] = revision
                sink.write(data)  # type: ignore[arg-type]
            if count % WRITES_IN_A_ROW == 0:
                self._pause()

    def _send_socketio(self, ready: Ready, namespace: str, room: str, skip_sid: Any) -> None:
        data, revision, told = ready.socketio, ready.revision, self._told.setdefault(room, {})
        skipped = set(skip_sid) if isinstance(skip_sid, list) else {skip_sid}
        here, clients = self._rooms_of, self.server.eio.sockets
        for count, (sid, engine_sid) in enumerate(self.get_participants(namespace, room), 1):
            if sid in here and sid not in skipped and (revision is None or told.get(sid, -1) < revision):
                if revision is not None:
                    told[sid] = revision
                connection = getattr(clients.get(engine_sid), "connection", None)
                if connection is not None:
                    connection.write(data)
                else:
                    self.server._send_eio_packet(engine_sid, ready.packet)
            if count % WRITES_IN_A_ROW == 0:
                self._pause()

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
