"""Adds an index of each client's rooms to python-socketio."""

from __future__ import annotations

import time
from typing import Any

import socketio

CONNECT_PAUSE_S = 0.005


class ClientRooms(socketio.Manager):
    """The Socket.IO clients of this worker and their rooms. Removes a client without searching all rooms."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._rooms_of: dict[str, tuple[tuple[str, Any], ...]] = {}

    def connect(self, sid: str, namespace: str) -> str:
        """Confirm a connection, then pause, so that the client reads the confirmation before the first event. If both
        arrived together, a client that subscribes only after connecting would miss the event.
        """
        connected: str = super().connect(sid, namespace)
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

    def basic_disconnect(self, sid: str, namespace: str, **options: Any) -> None:
        """Remove a client from its rooms. python-socketio would search all rooms, and there is one for each client."""
        for entered, room in self._rooms_of.get(sid, ()):
            if entered == namespace:
                self.basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)
