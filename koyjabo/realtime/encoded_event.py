"""An event, ready to be written to any kind of client (decision 1)."""

from typing import Any

from engineio.packet import MESSAGE, Packet as EnginePacket
from socketio.packet import EVENT

from .frames import frame, stream_frame

NAMESPACE = "/"
"""The Socket.IO namespace whose events plain WebSockets receive as well."""


class EncodedEvent:
    """An event as bytes for each kind of client, made from a single JSON encoding. `revision` orders the event among
    the room's values. If it is None, the revision of the event's stats is used, if it has any. `epoch` (base 36) is
    used for events without stats.
    """

    __slots__ = ("packet", "plain", "revision", "socketio", "stream")

    def __init__(
        self,
        packet_class: Any,
        event: str,
        data: tuple[Any, ...],
        namespace: str,
        revision: int | None,
        epoch: str,
    ) -> None:
        text = packet_class(EVENT, namespace=namespace, data=[event, *data]).encode()
        assert isinstance(text, str)
        self.packet = EnginePacket(MESSAGE, text)
        self.socketio = frame(f"4{text}")
        self.plain: bytes | None = None  # as a plain WebSocket frame
        self.stream: bytes | None = None  # as a stream event
        self.revision = revision
        if namespace == NAMESPACE and len(data) == 1:
            before = len(f"{EVENT}[,") + len(packet_class.json.dumps(event))
            json = text[before:-1]
            self.plain = frame(json)
            stats = data[0].get("stats") if isinstance(data[0], dict) else None
            if isinstance(stats, dict):
                if revision is None and isinstance(stats.get("revision"), int):
                    self.revision = stats["revision"]
                if isinstance(stats.get("epoch"), str) and stats["epoch"].isalnum():
                    epoch = stats["epoch"]
            self.stream = stream_frame(json, None if self.revision is None else f"{epoch}-{self.revision}")
