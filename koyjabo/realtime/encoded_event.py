"""Encodes an event once for every kind of client."""

from __future__ import annotations

from typing import Any

from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket
from socketio.packet import EVENT

from koyjabo.realtime.frames import frame, stream_frame

NAMESPACE = "/"
"""The namespace of Socket.IO whose events plain WebSockets receive as well."""


class EncodedEvent:
    """An event as bytes for each kind of client, built from one encoding as JSON.

    `revision` orders the event among the values of its room. By default it is the revision of the stats in the event,
    or None for an event without stats. `epoch` is that of an event without stats, in base 36.
    """

    __slots__ = ("packet", "plain", "revision", "socketio", "stream")

    def __init__(
        self,
        packet_class: Any,
        event: str,
        data: tuple[Any, ...],
        namespace: str,
        revision: int | None = None,
        epoch: str = "0",
    ) -> None:
        text = packet_class(EVENT, namespace=namespace, data=[event, *data]).encode()
        assert isinstance(text, str)
        self.packet = EnginePacket(MESSAGE, text)
        self.socketio = frame(f"4{text}")
        self.plain: bytes | None = None  # as a frame of a plain WebSocket
        self.stream: bytes | None = None  # as an event of a stream
        self.revision = revision
        if namespace == NAMESPACE and len(data) == 1:
            before = len(f"{EVENT}[,") + len(packet_class.json.dumps(event))
            json = text[before:-1]
            self.plain = frame(json)
            if revision is None:
                self.revision = revision_of(data[0])
            event_id = None if self.revision is None else f"{_epoch_of(data[0]) or epoch}-{self.revision}"
            self.stream = stream_frame(json, event_id)


def revision_of(data: Any) -> int | None:
    """The revision of the stats in an event's object; None without stats."""
    revision = _stats(data).get("revision")
    return revision if isinstance(revision, int) else None


def _epoch_of(data: Any) -> str | None:
    epoch = _stats(data).get("epoch")
    return epoch if isinstance(epoch, str) and epoch.isalnum() else None


def _stats(data: Any) -> dict[str, Any]:
    stats = data.get("stats") if isinstance(data, dict) else None
    return stats if isinstance(stats, dict) else {}
