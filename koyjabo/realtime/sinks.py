"""The plain WebSockets and the streams of this worker, by room."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """A WebSocket or a stream, which takes encoded frames. `write` never blocks and never raises."""

    is_stream: bool

    def write(self, data: bytes) -> None: ...


Member = str | Sink
"""A Socket.IO client by its sid, a plain WebSocket, or a stream."""


NOTHING = -1
"""The revision of a member to whom no value was sent: older than all others."""

Members = dict[Sink, int]
"""The newest revision sent to each. One look-up says whether a sink is a member and what it has; a broadcast follows
their order, which is that of their memory more often than that of a set (decision 85).
"""


class Sinks:
    """The holder of the lock of the fan-out may call these methods; they do not block."""

    def __init__(self) -> None:
        self._plain: dict[str, Members] = {}
        self._streams: dict[str, Members] = {}

    def add(self, room: str, sink: Sink) -> None:
        self._rooms(sink).setdefault(room, {}).setdefault(sink, NOTHING)

    def discard(self, room: str, sink: Sink) -> None:
        rooms = self._rooms(sink)
        members = rooms.get(room, {})
        members.pop(sink, None)
        if not members:
            rooms.pop(room, None)

    def members_with(self, room: str, sink: Sink) -> Members:
        """The members of a room of the same kind as `sink`, which need not be one."""
        return self._rooms(sink).get(room, {})

    def plain(self, room: str) -> Members:
        return self._plain.get(room, {})

    def streams(self, room: str) -> Members:
        return self._streams.get(room, {})

    def plain_counts(self) -> dict[str, int]:
        """How many plain WebSockets each room has."""
        return {room: len(members) for room, members in self._plain.items()}

    def stream_count(self) -> int:
        return sum(map(len, self._streams.values()))

    def _rooms(self, sink: Sink) -> dict[str, Members]:
        return self._streams if sink.is_stream else self._plain
