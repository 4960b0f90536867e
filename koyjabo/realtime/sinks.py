"""This worker's plain WebSockets and streams, by room."""

from typing import Protocol, TypeAlias

NO_REVISION = -1
"""Revision for a member that has not received a value yet. Older than all other revisions."""

Member: TypeAlias = "str | Sink"
"""A Socket.IO client (its sid), a plain WebSocket or a stream."""

Members: TypeAlias = "dict[Sink, int]"
"""The latest revision sent to each member. One look-up shows whether a sink is a member and which value it has. Unlike
a set, a dict keeps insertion order, which is closer to the order in memory (decision 1).
"""


class Sink(Protocol):
    """A WebSocket or a stream that takes encoded frames. `write` never blocks and never raises."""

    is_stream: bool

    def write(self, data: bytes) -> None: ...
