"""The clients of this worker, as members of rooms."""

from typing import Protocol, TypeAlias

from .encoded_event import EncodedEvent

NO_REVISION = -1
"""Revision for a member that has not received a value yet. Older than all other revisions."""

Member: TypeAlias = "str | Sink"
"""A sink, or the sid of one that is a Socket.IO client."""

Members: TypeAlias = "dict[Sink, int]"
"""The latest revision sent to each member. One look-up shows whether a sink is a member and which value it has. Unlike
a set, a dict keeps insertion order, which is closer to the order in memory (decision 1).
"""


class Sink(Protocol):
    """A client that receives events. Each transport has its class. `write_event` never blocks and never raises."""

    kind: str
    """Its kind in the metrics (`SOCKET_KINDS`); "" if its rooms define the kind."""

    def write_event(self, event: EncodedEvent) -> None: ...
