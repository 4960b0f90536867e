"""An HTTP connection. It has a parser only while a request arrives or is handled, and a task only while a request is
handled.
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from koyjabo.base.core.runtime import EventLoop, Waiter
from koyjabo.server.loop.poller import HANG_UP_EVENTS, READ_EVENT, WRITE_EVENT, Poller, receive
from .refused import OTHER_PROTOCOL_RESPONSE, Refused
from .request_parser import RequestParser

MAX_LINGER_BYTES = 256 * 1024
"""Maximum number of bytes to read after the last response. Closing with unread bytes would reset the connection (RFC
9112, 9.6).
"""

CONTINUE_RESPONSE = b"HTTP/1.1 100 Continue\r\n\r\n"

STATE_IDLE, STATE_READING, STATE_RESPONDING, STATE_DISCARDING, STATE_LINGERING, STATE_GONE = range(6)
"""The states of a connection.

Idle: waits for a request. Reading: waits for the rest of a request. Responding: waits for the response. Discarding:
waits for the rest of a body whose response was sent. Lingering: waits for the client to finish after the last response.
Gone: closed or taken over.
"""


class ConnectionServer(Protocol):
    """The server methods that a connection uses. This is a protocol, because the server imports this module."""

    runtime: EventLoop
    poller: Poller
    is_leaving: bool
    cors: Callable[[str], bytes]

    def network_of(self, peer: str, client: str) -> str: ...

    def lend_parser(self) -> RequestParser: ...

    def take_back(self, parser: RequestParser) -> None: ...

    def respond(self, connection: "HttpConnection", parser: RequestParser) -> None: ...

    def forget(self, connection: "HttpConnection") -> None: ...


class HttpConnection:
    __slots__ = (
        "__weakref__", "_early", "_events", "_is_answered", "_is_last", "_lingered", "_parser", "_server",
        "_sock", "_unsent", "_waiter", "fd", "peer", "since", "state",
    )  # fmt: skip

    def __init__(self, sock: Any, peer: tuple[Any, ...], server: ConnectionServer) -> None:
        self.fd: int = sock.fileno()
        self.peer = peer
        self.state = STATE_IDLE
        self.since = time.monotonic()
        """When the current state (idle or lingering), the request, or the current piece of a long response began;
        monotonic, s.
        """
        self._sock = sock
        self._server = server
        self._parser: RequestParser | None = None
        self._early = b""  # bytes after the current request, or after a head with a costly body
        self._unsent: memoryview | None = None
        # `_is_answered`: the whole response was passed to `send`; `_is_last`: no other request follows.
        self._is_answered = self._is_last = False
        self._lingered = 0
        self._waiter: Waiter | None = None
        self._events = READ_EVENT
        server.poller.add(self.fd, self, READ_EVENT)

    @property
    def network(self) -> str:
        return self._server.network_of(self.peer[0], self._parser.client if self._parser else "")

    def ready(self, events: int) -> None:
        if events & HANG_UP_EVENTS and self.state == STATE_RESPONDING:
            self.end()
        if events & WRITE_EVENT and self._unsent is not None:
            self._flush()
        if events & ~WRITE_EVENT and self.state != STATE_GONE:
            self._read()

    # Reading

    def leave(self) -> None:
        """End the connection because the server is stopping. A request that has already arrived is still handled, as
        the last one. Call this on the loop.
        """
        if self.state == STATE_IDLE and not self._early:
            self._read()
        if self.state == STATE_DISCARDING:
            self._linger()
        elif self.state == STATE_IDLE and not self._early:
            self.end()

    @property
    def has_unsent(self) -> bool:
        return self._unsent is not None  # the client has not read the whole response yet

    def has_received(self) -> bool:
        """Whether data has arrived that has not been read yet."""
        try:
            return bool(self._sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def _read(self) -> None:
        if self.state == STATE_RESPONDING and not self._reads_on():
            self._watch(self._events & ~READ_EVENT)  # the kernel keeps the data
            return
        if self._early and self.state in (STATE_IDLE, STATE_READING):
            self._take(b"")
            return
        data = receive(self._sock)
        if data is None:
            return
        if data:
            self._take(data)
        elif (
            self.state == STATE_RESPONDING
        ):  # the client has sent less than it announced, and may still read the response
            self._is_last = True
        else:
            self.end()

    def _reads_on(self) -> bool:
        """Whether to read more of a body while its request is being handled."""
        return self._parser is not None and not self._parser.is_complete and not self._is_last

    def _take(self, data: bytes) -> None:
        if self.state == STATE_LINGERING:
            self._lingered += len(data)
            if self._lingered > MAX_LINGER_BYTES:
                self.end()
            return
        data, self._early = self._early + data, b""
        if self._parser is None:
            begun = data.lstrip(b"\r\n")
            if not begun:
                return  # empty lines do not begin a request (RFC 9112, 2.2)
            if not begun[:1].isalpha():
                self._refuse_protocol()
                return
            self._parser = self._server.lend_parser()
            self._parser.peer = self.peer[0]
            self.state, self.since = STATE_READING, time.monotonic()
        try:
            self._early = self._parser.feed(data)
        except Refused as refused:
            self._refuse(refused)
            return
        if self.state == STATE_READING:
            self._go_on(self._parser)
        elif self.state == STATE_DISCARDING and self._parser.is_complete:
            self._await_next()

    def _go_on(self, parser: RequestParser) -> None:
        if parser.is_complete or parser.is_too_large:
            self.state = STATE_RESPONDING
            self._is_last = not parser.keeps_alive or self._server.is_leaving
            self._server.respond(self, parser)
        elif self._early:
            self._server.poller.call_soon(self.fd)
        elif parser.awaits_continue:
            parser.awaits_continue = False
            self.send(CONTINUE_RESPONSE)

    def _refuse(self, refused: Refused) -> None:
        self._is_last = True
        if self.state == STATE_READING:
            self.state = STATE_RESPONDING
            origin = self._parser.headers.get("HTTP_ORIGIN", "") if self._parser else ""
            self.send(refused.response(self.cors(origin)))
            self.finish(is_last=True)
        elif self.state != STATE_RESPONDING:
            self._linger()

    def _refuse_protocol(self) -> None:
        self.send(OTHER_PROTOCOL_RESPONSE)
        if self.has_received():
            self._linger()
        else:
            self.end()

    # Responding

    def cors(self, origin: str) -> bytes:
        """The headers that let a page of this origin read what the server itself responds."""
        return self._server.cors(origin)

    @property
    def is_last(self) -> bool:
        """Whether the connection is closed after this response."""
        parser = self._parser
        return self._is_last or self._server.is_leaving or parser is None or parser.awaits_continue

    def send(self, data: bytes | memoryview) -> None:
        """Send data, and buffer what the kernel does not accept. Does nothing once the connection has ended."""
        if self.state == STATE_GONE:
            return
        if self._unsent is not None:
            data = bytes(self._unsent) + data
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.end()
            return
        if sent < len(data):
            self._unsent = memoryview(data)[sent:]
            self._watch(self._events | WRITE_EVENT)
        else:
            self._unsent = None

    def wait_until_sent(self) -> bool:
        """Wait until all data is sent. Call this in a request. Returns False if the connection has ended."""
        return self.wait(lambda waiter: waiter.wait()) if self._unsent is not None else self.state != STATE_GONE

    def wait(self, wait_with: Callable[[Waiter], None]) -> bool:
        """Wait until the waiter is woken or the connection ends. Call this in a request. Returns False if the
        connection has ended.
        """
        if self.state != STATE_GONE:
            self._waiter = self._server.runtime.waiter()
            wait_with(self._waiter)
            self._waiter = None
        return self.state != STATE_GONE

    def finish(self, is_last: bool) -> None:
        """End the response. When all data is sent, the connection waits for the next request."""
        self._is_last = is_last or self.is_last
        self._is_answered = True
        self._conclude()

    def detach(self) -> tuple[Any, bytes]:
        """Hand over the socket. Returns it and the data after the request. Raises ConnectionError if the connection has
        ended.
        """
        if self.state == STATE_GONE:  # another connection may already use its descriptor
            raise ConnectionError("the connection has ended")
        self._leave()
        return self._sock, self._early

    def end(self) -> None:
        """Close the connection now. Idempotent."""
        if self.state != STATE_GONE:
            self._leave()
            self._sock.close()
            self._unsent = None
            if self._waiter is not None:
                self._server.runtime.soon(self._waiter.wake)

    failed = end

    def _leave(self) -> None:
        self.state = STATE_GONE
        self._return_parser()
        self._server.poller.remove(self.fd)
        self._server.forget(self)

    def _flush(self) -> None:
        data, self._unsent = self._unsent or b"", None
        self.send(data)
        if self._unsent is not None or self.state == STATE_GONE:
            return
        self._watch(self._events & ~WRITE_EVENT)
        if self._waiter is not None:
            self._waiter.wake()
        elif self._is_answered:
            self._conclude()

    def _conclude(self) -> None:
        if self.state != STATE_RESPONDING or self._unsent is not None:
            return  # `_flush` continues
        self._is_answered = False
        self._is_last = self._is_last or self._server.is_leaving  # the server may have begun to stop in the meantime
        is_read = self._parser is not None and self._parser.is_complete
        if self._is_last and is_read and not self._early and not self.has_received():
            self.end()
        elif self._is_last:
            self._linger()
        elif is_read:
            self._await_next()
        else:
            self.state = STATE_DISCARDING
            self._watch(READ_EVENT)

    def _await_next(self) -> None:
        self._return_parser()
        self.state, self.since = STATE_IDLE, time.monotonic()
        self._watch(READ_EVENT)
        if self._early:
            self._server.poller.call_soon(self.fd)

    def _linger(self) -> None:
        self._return_parser()
        self.state, self.since = STATE_LINGERING, time.monotonic()
        with suppress(OSError):  # if this fails, an event follows
            self._sock.shutdown(socket.SHUT_WR)
        self._watch(READ_EVENT)

    def _return_parser(self) -> None:
        parser, self._parser = self._parser, None
        if parser is not None:
            self._server.take_back(parser)

    def _watch(self, events: int) -> None:
        if events != self._events and self.state != STATE_GONE:
            self._events = events
            self._server.poller.change(self.fd, events)
