"""Interfaces that a connection calls: its owner, which handles its messages and its end, and the loop that reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from koyjabo.server.websockets.buffered_connection import BufferedConnection
    from koyjabo.server.websockets.connection import Connection
    from koyjabo.server.websockets.event_stream import EventStream


class Owner(Protocol):
    """Handles the events of its connections. An owner has many connections and keeps its own data about each."""

    largest_message: int  # bytes
    pings: bool  # whether to send WebSocket pings; False for a protocol with its own pings

    def received(self, connection: Connection, message: str | bytes) -> None:
        """Handle a message. It must not block, because one reader serves all connections; see `Connection.in_turn`."""

    def ended(self, connection: Any, code: int) -> None:
        """Handle the end of a connection, with the client's close code, 1005 or 1006; of a stream, with the code with
        which it was closed, or 1006. Runs in a task and may block.
        """


class NoOwner:
    """The owner of a connection that has ended: it ignores all events."""

    largest_message = 0
    pings = False

    def received(self, connection: Connection, message: str | bytes) -> None: ...

    def ended(self, connection: Any, code: int) -> None: ...


NO_OWNER = NoOwner()


class Loop(Protocol):
    """The methods of the connection loop that a connection calls."""

    def start_task(self, main: Callable[[], None]) -> None: ...

    def add_stream(self, stream: EventStream, sock: Any) -> None: ...

    def watch(self, connection: BufferedConnection) -> None: ...

    def watch_writable(self, connection: BufferedConnection) -> None: ...

    def await_close(self, connection: BufferedConnection) -> None: ...

    def drop(self, connection: BufferedConnection, code: int, reset: bool = False) -> None: ...

    def serve(self, connection: BufferedConnection, events: int) -> None: ...

    def end_failed(self, connection: BufferedConnection) -> None: ...
