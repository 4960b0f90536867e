"""Encodes an event once for every kind of client."""

from __future__ import annotations

from typing import Any

from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket
from socketio.packet import EVENT

from koyjabo.realtime.frames import frame

NAMESPACE = "/"
"""The namespace of Socket.IO whose events plain WebSockets receive as well."""


class EncodedEvent:
    """An event as bytes for each kind of client, built from one encoding as JSON.

    `revision` orders the event among the values of its room. By default it is the revision of the stats in the event,
    or None for an event without stats.
    """

    __slots__ = ("packet", "plain", "revision", "socketio")

    def __init__(
        self, packet_class: Any, event: str, data: tuple[Any, ...], namespace: str, revision: int | None = None
    ) -> None:
        text = packet_class(EVENT, namespace=namespace, data=[event, *data]).encode()
        assert isinstance(text, str)
        self.packet = EnginePacket(MESSAGE, text)
        self.socketio = frame(f"4{text}")
        self.plain: bytes | None = None
        self.revision = revision
        if namespace == NAMESPACE and len(data) == 1:
            before = len(f"{EVENT}[,") + len(packet_class.json.dumps(event))
            self.plain = frame(text[before:-1])
            if revision is None:
                self.revision = revision_of(data[0])


def revision_of(data: Any) -> int | None:
    """The revision of the stats in an event's object; None without stats."""
    stats = data.get("stats") if isinstance(data, dict) else None
    found = stats.get("revision") if isinstance(stats, dict) else None
    return found if isinstance(found, int) else None
