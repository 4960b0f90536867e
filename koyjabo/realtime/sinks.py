"""The plain WebSockets and the streams of this worker, by room."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """A WebSocket or a stream, which takes encoded frames. `write` never blocks and never raises."""

    is_stream: bool

    def write(self, data: bytes) -> None: ...


Member = str | Sink
"""A Socket.IO client by its sid, a plain WebSocket, or a stream."""


class Sinks:
    """The holder of the lock of the fan-out may call these methods; they do not block."""

    def __init__(self) -> None:
        self._plain: dict[str, set[Sink]] = {}
        self._streams: dict[str, set[Sink]] = {}

    def add(self, room: str, sink: Sink) -> None:
        self._rooms(sink).setdefault(room, set()).add(sink)

    def discard(self, room: str, sink: Sink) -> None:
        rooms = self._rooms(sink)
        members = rooms.get(room, set())
        members.discard(sink)
        if not members:
            rooms.pop(room, None)

    def has(self, room: str, sink: Sink) -> bool:
        return sink in self._rooms(sink).get(room, ())

    def plain(self, room: str) -> set[Sink]:
        return self._plain.get(room, set())

    def streams(self, room: str) -> set[Sink]:
        return self._streams.get(room, set())

    def plain_counts(self) -> dict[str, int]:
        """How many plain WebSockets each room has."""
        return {room: len(members) for room, members in self._plain.items()}

    def stream_count(self) -> int:
        return sum(map(len, self._streams.values()))

    def _rooms(self, sink: Sink) -> dict[str, set[Sink]]:
        return self._streams if sink.is_stream else self._plain
