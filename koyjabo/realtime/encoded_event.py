"""An event, ready to be written to any client (decision 1)."""

from functools import cached_property
from typing import Any, Self

from engineio.packet import MESSAGE, Packet as EnginePacket
from socketio.packet import EVENT

from .frames import chunk, frame, stream_frame

NAMESPACE = "/"
"""The Socket.IO namespace of our rooms."""


class EncodedEvent:
    """An event made from a single JSON encoding. Each form is encoded once, for the first client that needs it.
    `revision` orders the event among the room's values. `json` is the event's value, "" if it has none or several: only
    Socket.IO clients receive such an event.
    """

    def __init__(self, text: str, json: str, revision: int | None, epoch: str) -> None:
        self.json, self.revision = json, revision
        self._text, self._epoch = text, epoch

    @classmethod
    def of(cls, packet_class: Any, event: str, data: tuple[Any, ...], revision: int | None, epoch: str) -> Self:
        """Encode values. Without a `revision`, the revision of the event's stats is used, if it has any. `epoch` (base
        36) is used for events without stats.
        """
        text = packet_class(EVENT, namespace=NAMESPACE, data=[event, *data]).encode()
        assert isinstance(text, str)
        if len(data) != 1:
            return cls(text, "", revision, epoch)
        stats = data[0].get("stats") if isinstance(data[0], dict) else None
        if isinstance(stats, dict):
            if revision is None and isinstance(stats.get("revision"), int):
                revision = stats["revision"]
            if isinstance(stats.get("epoch"), str) and stats["epoch"].isalnum():
                epoch = stats["epoch"]
        return cls(text, text[len(f"{EVENT}[,") + len(packet_class.json.dumps(event)) : -1], revision, epoch)

    @classmethod
    def of_json(cls, event: str, json: str, revision: int, epoch: str) -> Self:
        """Wrap a value that is already encoded."""
        return cls(f'{EVENT}["{event}",{json}]', json, revision, epoch)

    @cached_property
    def plain(self) -> bytes:
        """A frame for a plain WebSocket."""
        return frame(self.json)

    @cached_property
    def stream(self) -> bytes:
        """A stream event."""
        return stream_frame(self.json, None if self.revision is None else f"{self._epoch}-{self.revision}")

    @cached_property
    def stream_chunk(self) -> bytes:
        """A stream event in a chunked body."""
        return chunk(self.stream)

    @cached_property
    def socketio(self) -> bytes:
        """A frame for a Socket.IO client with a WebSocket."""
        return frame(f"4{self._text}")

    @cached_property
    def packet(self) -> EnginePacket:
        """A packet for python-socketio."""
        return EnginePacket(MESSAGE, self._text)
