"""Server-Sent Events: responses that do not end, on the WebSockets' loop (specification: Streams). Each event is a
chunk, because many libraries read other bodies in blocks. For HTTP/1.0, the body ends with the connection.
"""

import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from koyjabo.base.core.errors import TooManyConnections, TooManyRequests
from koyjabo.base.network import client_address
from koyjabo.realtime.encoded_event import EncodedEvent
from koyjabo.realtime.frames import chunk, stream_frame
from koyjabo.server.loop.poller import Poller, receive
from .buffered_connection import CONNECTION_LOST, BufferedConnection, ConnectionOwner, Loop

if TYPE_CHECKING:
    from koyjabo.server.http.connection import HttpConnection

RETRY = b"retry: 5000\n"
"""How long a client waits before it reopens a stream that has ended, ms. A field of the first event."""

COMMENT = b":\n\n"
QUIET_TICKS = 4
"""Number of ticks without an event before a comment is sent, which happens within 20 s."""

UNACKNOWLEDGED_DATA_MS = 24_000
"""How long data may stay unacknowledged (TCP_USER_TIMEOUT), ms. Together with the comments, this detects a dead client
within 45 s.
"""

FULL_RETRY_AFTER_S = 10
TOO_MANY_STREAMS = "Too many connections from this address. Wait as long as Retry-After says, then try again."


class EventStream(BufferedConnection):
    """A stream. It gets its socket once the head of its response exists. Events written earlier are sent after the
    head.
    """

    __slots__ = ("_code", "_is_chunked", "_quiet_ticks", "has_begun")
    kind = "streams"

    def __init__(self, address: str, owner: ConnectionOwner, loop: Loop, is_chunked: bool) -> None:
        """Create a stream. `loop` has reserved a place for `address`."""
        super().__init__(address, owner, loop, chunk(RETRY) if is_chunked else RETRY)
        self._is_chunked = is_chunked
        self.has_begun = False
        self._quiet_ticks = 0
        self._code = CONNECTION_LOST

    def attach(self, sock: Any) -> None:
        super().attach(sock)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux has it, macOS does not
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_DATA_MS)

    @property
    def body(self) -> "StreamBody":
        return StreamBody(self)

    def begin(self, connection: "HttpConnection", head: bytes) -> None:
        """Take over the socket from the HTTP connection, and send the head and all events written so far."""
        if self._state == self.GONE:  # more was written than may be buffered
            connection.end()
            return
        sock, early = connection.detach()
        assert self._unsent is not None
        self._unsent[:0] = head
        self._loop.add_reserved(self, sock)
        self.has_begun = True
        self.send_unsent()
        if early:
            self._loop.drop(self, CONNECTION_LOST)
        if self._state != self.GONE:
            self._loop.watch(self)
        if self._state == self.CLOSING:
            self._conclude()

    def abandon(self) -> None:
        """Release the place of a stream that has not begun. Does nothing for other streams."""
        if not self.has_begun:
            self._loop.drop(self, CONNECTION_LOST)

    def write(self, data: bytes) -> None:
        self._quiet_ticks = 0
        super().write(chunk(data) if self._is_chunked else data)

    def write_event(self, event: EncodedEvent) -> None:
        self._quiet_ticks = 0
        super().write(event.stream_chunk if self._is_chunked else event.stream)

    def send(self, text: str) -> None:
        """Send one event."""
        self.write(stream_frame(text))

    def close(self, code: int | None, reason: str = "") -> None:
        """End the body once the client has read all buffered data, or after CLOSE_TIMEOUT_S."""
        if self._is_chunked:
            self.write(b"")
        if self._state == self.OPEN:
            self._state, self._code = self.CLOSING, code or CONNECTION_LOST
            if self.has_begun:
                self._conclude()

    # Methods that the loop calls

    def fileno(self) -> int:
        """The descriptor; -1 before the stream has begun."""
        return super().fileno() if self.has_begun else -1

    def tick(self) -> None:
        """Send a comment if the client has received nothing for some ticks."""
        self._quiet_ticks += 1
        if self._quiet_ticks >= QUIET_TICKS:
            self.write(COMMENT)

    def read(self) -> None:
        """End the stream, because a client must not send anything after its request."""
        if receive(self._sock) is not None:
            self._loop.drop(self, CONNECTION_LOST)

    def all_sent(self) -> None:
        if self._state == self.CLOSING:
            self._loop.drop(self, self._code)

    def end(self, poller: Poller, reset: bool) -> bool:
        if self.has_begun or self._state == self.GONE:
            return super().end(poller, reset)
        self._state, self._unsent = self.GONE, None
        return True

    def _conclude(self) -> None:
        if self._unsent is None:
            self._loop.drop(self, self._code)
        else:
            self._loop.await_close(self)


class StreamBody:
    """The WSGI body of a stream's response. The server calls `take_over` instead of reading it."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def take_over(self, connection: "HttpConnection", head: bytes) -> None:
        self._stream.begin(connection, head)

    def close(self) -> None:
        self._stream.abandon()


class EventStreams:
    """Opens streams. Handlers find this object in the WSGI environment as `koyjabo.event_streams`."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def open(self, environ: dict[str, Any], owner: ConnectionOwner) -> EventStream:
        """Open a stream for this request. Events may be written to it at once, and its `body` is the body of the
        response. Raises TooManyConnections if the worker, or its share for one network, is full, and TooManyRequests if
        the address exceeds a limit.
        """
        address = client_address.limit_key(environ)
        if self._loop.is_full(address):
            raise TooManyConnections
        if not self._loop.reserve(address):
            raise TooManyRequests(FULL_RETRY_AFTER_S, TOO_MANY_STREAMS)
        return EventStream(address, owner, self._loop, environ["SERVER_PROTOCOL"] != "HTTP/1.0")
