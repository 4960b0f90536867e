"""Validates Socket.IO packets strictly, because python-socketio accepts invalid ones.

Adds an index of each client's rooms to python-socketio.
"""

import time
from typing import Any

import socketio
from socketio import packet

CONNECT_PAUSE_S = 0.005


EVENT_PACKETS = (packet.EVENT, packet.BINARY_EVENT)
ACKNOWLEDGEMENT_PACKETS = (packet.ACK, packet.BINARY_ACK)
BINARY_PACKETS = (packet.BINARY_EVENT, packet.BINARY_ACK)
PARSE_ERRORS = (ValueError, TypeError, IndexError, KeyError, AttributeError, RecursionError)
MAX_ATTACHMENTS = 10

RESERVED_EVENTS = {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener", "*"}
"""Event names that clients must not use. python-socketio would call its own handlers for them, and the handler for `*`
would take the client's id from the event.
"""


class ClientRooms(socketio.Manager):
    """The Socket.IO clients of this worker and their rooms. Removes a client without searching all rooms."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._rooms_of: dict[str, dict[tuple[str, Any], None]] = {}

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

    def basic_leave_room(self, sid: str, namespace: str, room: Any) -> None:
        super().basic_leave_room(sid, namespace, room)
        rooms = self._rooms_of.get(sid, {})
        rooms.pop((namespace, room), None)
        if not rooms:
            self._rooms_of.pop(sid, None)

    def basic_disconnect(self, sid: str, namespace: str, **options: Any) -> None:
        """Remove a client from its rooms. python-socketio would search all rooms, and there is one for each client."""
        for entered, room in list(self._rooms_of.get(sid, ())):
            if entered == namespace:
                self.basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)


class InvalidPacket(Exception):
    """A client sent an invalid packet. Its connection must be closed (Socket.IO protocol, revision 5)."""


class Packet(packet.Packet):
    """A packet that is validated before a handler is called. Raises InvalidPacket."""

    def __init__(self, packet_type: int = packet.EVENT, data: Any = None, *more: Any, **options: Any) -> None:
        if packet_type == packet.CONNECT_ERROR and data == "Unable to connect":
            data = {"message": "Invalid namespace"}  # clients expect an object with a message
        super().__init__(packet_type, data, *more, **options)
        if "encoded_packet" in options and not options["encoded_packet"]:  # python-engineio accepts `{}` and `null`
            raise InvalidPacket

    def decode(self, encoded_packet: Any) -> int:
        try:
            attachments: int = super().decode(encoded_packet)
        except PARSE_ERRORS:
            raise InvalidPacket from None
        if not self._is_valid(attachments):
            raise InvalidPacket
        return attachments

    def add_attachment(self, attachment: Any) -> bool:
        if not isinstance(attachment, bytes):
            raise InvalidPacket
        try:
            is_complete: bool = super().add_attachment(attachment)
        except PARSE_ERRORS:
            raise InvalidPacket from None
        return is_complete

    def _is_valid(self, attachments: int) -> bool:
        kind, data = self.packet_type, self.data
        if (kind in BINARY_PACKETS) != (attachments > 0) or attachments > MAX_ATTACHMENTS:
            return False
        if kind in EVENT_PACKETS:
            return isinstance(data, list) and bool(data) and isinstance(data[0], str) and data[0] not in RESERVED_EVENTS
        if kind in ACKNOWLEDGEMENT_PACKETS:
            return isinstance(data, list) and self.id is not None
        if kind == packet.CONNECT:
            return data is None or isinstance(data, dict)
        return bool(kind == packet.DISCONNECT)
