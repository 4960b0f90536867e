"""The members of the rooms on this worker: one store of sinks for all transports.

python-socketio also keeps the rooms of its clients, by sid. Here, a Socket.IO client is a sink like all others.
"""

import time
from typing import Any

import socketio

from .encoded_event import NAMESPACE, EncodedEvent
from .sinks import NO_REVISION, Member, Members, Sink

CONNECT_PAUSE_S = 0.005


class SocketioClient(str):
    """A Socket.IO client in our namespace. It is equal to its sid, so that either finds it in a dict."""

    __slots__ = ("_engine_sid", "_server", "_sockets")
    _engine_sid: str
    _server: Any
    _sockets: Any  # python-engineio's sockets by id; kept, because a broadcast looks up each
    kind = "socketio"

    def __new__(cls, sid: str, engine_sid: str, server: Any) -> "SocketioClient":
        client = super().__new__(cls, sid)
        client._engine_sid, client._server, client._sockets = engine_sid, server, server.eio.sockets
        return client

    def write_event(self, event: EncodedEvent) -> None:
        """Write to the client's WebSocket. python-socketio handles clients that have no connection of ours (polling,
        upgrading, or under another WSGI server).
        """
        connection = getattr(self._sockets.get(self._engine_sid), "connection", None)
        if connection is not None:
            connection.write(event.socketio)
        else:
            self._server._send_eio_packet(self._engine_sid, event.packet)


class ClientRooms(socketio.Manager):
    """The rooms of this worker. python-socketio calls the methods that begin with "basic"."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._members: dict[str, Members] = {}
        self._clients: dict[str, SocketioClient] = {}  # by sid
        self._rooms_of: dict[str, dict[tuple[str, Any], None]] = {}  # rooms by sid, with their namespaces

    def members_of(self, room: str) -> Members:
        """The members of a room. Each Socket.IO client is the only member of a room with the name of its sid."""
        client = self._clients.get(room)
        return {client: NO_REVISION} if client is not None else self._members.get(room, {})

    def member_count(self, room: str) -> int:
        return len(self._members.get(room, ()))

    def sink_of(self, member: Member) -> Sink | None:
        """Return None for a Socket.IO client that has disconnected."""
        if not isinstance(member, str):
            return member
        return self._clients.get(member) if self.is_connected(member, NAMESPACE) else None

    def enter(self, room: str, sink: Sink) -> None:
        """Add a member to a room. Idempotent."""
        if isinstance(sink, SocketioClient):
            self.basic_enter_room(sink, NAMESPACE, room)
        else:
            self._add(room, sink)

    def leave(self, room: str, member: Member) -> None:
        """Remove a member from a room. Idempotent."""
        self.basic_leave_room(member, NAMESPACE, room)

    def _add(self, room: str, sink: Sink) -> None:
        self._members.setdefault(room, {}).setdefault(sink, NO_REVISION)

    def _remove(self, room: str, member: Any) -> None:
        members = self._members.get(room, {})
        members.pop(member, None)
        if not members:
            self._members.pop(room, None)

    def connect(self, sid: str, namespace: str) -> str:
        """Confirm a connection, then pause, so that the client reads the confirmation before the first event. If both
        arrived together, a client that subscribes only after connecting would miss the event.
        """
        connected: str = super().connect(sid, namespace)
        time.sleep(CONNECT_PAUSE_S)
        return connected

    def basic_enter_room(self, sid: str, namespace: str, room: Any, eio_sid: str | None = None) -> None:
        super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        self._rooms_of.setdefault(sid, {})[namespace, room] = None
        if namespace != NAMESPACE:
            return
        if room is None:  # the room of all clients
            self._clients[sid] = SocketioClient(sid, self.eio_sid_from_sid(sid, NAMESPACE), self.server)
        elif room != sid:
            self._add(room, self._clients[sid])

    def basic_leave_room(self, sid: Any, namespace: str, room: Any) -> None:
        super().basic_leave_room(sid, namespace, room)
        rooms = self._rooms_of.get(sid, {})
        rooms.pop((namespace, room), None)
        if not rooms:
            self._rooms_of.pop(sid, None)
        if namespace == NAMESPACE:
            self._remove(room, sid)
            if room is None:
                self._clients.pop(sid, None)

    def basic_disconnect(self, sid: str, namespace: str, **options: Any) -> None:
        """Remove a client from its rooms. python-socketio would search all rooms, and there is one for each client."""
        for entered, room in list(self._rooms_of.get(sid, ())):
            if entered == namespace:
                self.basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)
