"""Validates Socket.IO packets strictly, because python-socketio accepts invalid ones."""

from typing import Any

from socketio import packet

EVENT_PACKETS = (packet.EVENT, packet.BINARY_EVENT)
ACKNOWLEDGEMENT_PACKETS = (packet.ACK, packet.BINARY_ACK)
BINARY_PACKETS = (packet.BINARY_EVENT, packet.BINARY_ACK)
PARSE_ERRORS = (ValueError, TypeError, IndexError, KeyError, AttributeError, RecursionError)
MAX_ATTACHMENTS = 10

RESERVED_EVENTS = {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener", "*"}
"""Event names that clients must not use. python-socketio would call its own handlers for them, and the handler for `*`
would take the client's id from the event.
"""


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
