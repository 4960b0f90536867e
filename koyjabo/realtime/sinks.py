"""This worker's plain WebSockets and streams, by room."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """A WebSocket or a stream that takes encoded frames. `write` never blocks and never raises."""

    is_stream: bool

    def write(self, data: bytes) -> None: ...


Member = str | Sink
"""A Socket.IO client (its sid), a plain WebSocket or a stream."""


NOTHING = -1
"""Revision for a member that has not received a value yet. Older than all other revisions."""

Members = dict[Sink, int]
"""The latest revision sent to each member. One look-up shows whether a sink is a member and which value it has. Unlike
a set, a dict keeps insertion order, which is closer to the order in memory (decision 85).
"""


class Sinks:
    """The members by room. Call these methods only while holding the fan-out's lock. They do not block."""

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
        """The members of a room that are of the same kind as `sink`, which does not have to be one of them."""
        return self._rooms(sink).get(room, {})

    def plain(self, room: str) -> Members:
        return self._plain.get(room, {})

    def streams(self, room: str) -> Members:
        return self._streams.get(room, {})

    def plain_counts(self) -> dict[str, int]:
        """The number of plain WebSockets in each room."""
        return {room: len(members) for room, members in self._plain.items()}

    def stream_count(self) -> int:
        return sum(map(len, self._streams.values()))

    def _rooms(self, sink: Sink) -> dict[str, Members]:
        return self._streams if sink.is_stream else self._plain
