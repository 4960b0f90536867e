"""WebSockets of both kinds that reconnect until they are closed for good. They all run in one thread."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from struct import pack
from typing import Any

from support.clients.websocket import PLAIN, SOCKETIO, upgrade
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chaos.journal import Journal, Visit

COMES_BACK_S = (0.2, 1.0)
OPENS_WITHIN_S = 20.0
"""How long a client waits before it retries. A handshake may have to wait for a frozen worker and for the database."""

CLOSES_WITHIN_S = 1.0
SILENT_FOR_S = (35.0, 60.0)  # the server closes a client that does not read, after 30 s at the latest
SMALLEST_BUFFER = 2048
PROTOCOL_ERRORS = {1002, 1007, 1009}  # Codes that a client sends when it receives invalid frames (RFC 6455, 7.4.1)
RESET = pack("ii", 1, 0)


class SocketThread(threading.Thread):
    """The thread of all WebSockets. Their methods may only be called on it, through `call` or `later`."""

    def __init__(self, journal: Journal, chance: random.Random, port: int) -> None:
        super().__init__(daemon=True, name="sockets")
        self.journal = journal
        self.chance = chance
        self.port = port
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(self._note_failure)
        self.run = self.loop.run_forever  # type: ignore[method-assign]
        self.call = self.loop.call_soon_threadsafe
        self.later = self.loop.call_later

    def stop(self) -> None:
        self.call(self.loop.stop)

    def _note_failure(self, _: object, context: dict[str, Any]) -> None:
        self.journal.breach(f"a client failed: {context['message']} {context.get('exception')!r}")


class PlainSocket:
    """`on_event(event)` receives events. Before that, `on_open()` is called when a socket is accepted.

    After connecting, it names `visit`, if set. `header` returns the value of Authorization for a new connection.
    """

    path = PLAIN

    def __init__(self, thread: SocketThread, path: str = "", header: Callable[[], str] | None = None) -> None:
        self.thread = thread
        self.journal = thread.journal
        self.is_open = self.should_be_open = False
        self.on_open: Callable[[], None] = lambda: None
        self.on_event: Callable[[dict[str, Any]], None] = lambda event: None
        self.on_close_code: Callable[[int], None] = lambda code: None
        self.visit: Visit | None = None
        self.times_open: list[tuple[float, float]] = []
        """Beginning and end of each connection, from the attempt to open it on, monotonic s."""
        self._url = f"ws://127.0.0.1:{thread.port}{path or self.path}"
        self._header = header
        self._task: asyncio.Task[None] | None = None
        self._connection: ClientConnection | None = None

    def open(self) -> None:
        self.should_be_open = True
        if self._task is None:
            self._began = time.monotonic()
            self._socket = socket.socket()
            self._socket.setblocking(False)
            self._task = self.thread.loop.create_task(self._serve())
            self._task.add_done_callback(self._end)

    def leave(self, code: int = 1000) -> None:
        self.should_be_open = False
        if self.is_open and self._connection is not None:
            self.thread.loop.create_task(self._close(self._connection, code))
        elif self._task is not None:
            self._task.cancel()

    async def _close(self, connection: ClientConnection, code: int) -> None:
        await connection.close(code)

    def vanish(self) -> None:
        self.should_be_open = False
        self.reset()

    def reset(self) -> None:
        if self._task is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self._task.cancel()

    async def _serve(self) -> None:
        async with asyncio.timeout(OPENS_WITHIN_S) as self._opening:
            await self.thread.loop.sock_connect(self._socket, ("127.0.0.1", self.thread.port))
            self._connection = await connect(
                self._url,
                sock=self._socket,
                additional_headers={"Authorization": self._header()} if self._header else None,
                compression=None,
                proxy=None,
                open_timeout=None,
                ping_interval=None,
                close_timeout=CLOSES_WITHIN_S,
            )
            await self._greet()
            while True:
                await self._receive(await self._connection.recv())

    def _end(self, task: asyncio.Task[None]) -> None:
        if self._connection is not None:
            self._connection.transport.abort()
        self._socket.close()
        self._task, self._connection, self.is_open = None, None, False
        self.times_open.append((self._began, time.monotonic()))
        if not task.cancelled() and (error := task.exception()):
            self._check_end(error)
        if self.should_be_open:
            self.journal.note("sockets that came back")
            self.thread.later(self.thread.chance.uniform(*COMES_BACK_S), lambda: self.should_be_open and self.open())

    def _check_end(self, error: BaseException) -> None:
        """Check that a connection ended without a word, or with a response or a close frame that is allowed."""
        if isinstance(error, InvalidStatus):
            status, headers = error.response.status_code, error.response.headers
            self.journal.note(f"handshakes answered {status}")
            if status >= 500 and "Retry-After" not in headers:
                self.journal.breach(f"a handshake was answered {status} without Retry-After: {headers!r}")
        elif isinstance(error, ConnectionClosed) and error.rcvd_then_sent and error.rcvd:
            self.journal.note(f"sockets closed with {error.rcvd.code}")
            self.on_close_code(error.rcvd.code)
        elif isinstance(error, TimeoutError):
            self.journal.note("sockets that took too long to open")
        else:
            is_lost = isinstance(error, OSError | ConnectionClosed) or isinstance(error.__cause__, EOFError)
            sent = getattr(error, "sent", None)  # our close frame
            if not is_lost or (sent and sent.code in PROTOCOL_ERRORS):
                self.journal.breach(f"a client failed: {error!r}")

    def _opened(self) -> None:
        self.is_open = True
        self._opening.reschedule(None)

    async def _say(self, text: str) -> None:
        if self._connection is not None:
            await self._connection.send(text)

    @property
    def _visit_fields(self) -> dict[str, str]:
        return {"visitorId": self.visit[0], "visitId": self.visit[1]} if self.visit else {}

    async def _greet(self) -> None:
        self.on_open()
        self._opened()
        if self.visit:
            await self._say(json.dumps({"type": "visitor", **self._visit_fields}))

    async def _receive(self, text: str | bytes) -> None:
        self.on_event(json.loads(text))


class SocketioSocket(PlainSocket):
    """A Socket.IO client that never polls. After connecting it sends `join`, if given."""

    path = SOCKETIO

    def __init__(self, thread: SocketThread, join: Callable[[], dict[str, Any]] | None = None) -> None:
        super().__init__(thread)
        self._join = join

    async def _close(self, connection: ClientConnection, code: int) -> None:
        """Close with 1001 like an unloading page, without a Socket.IO message; with 1000 after a disconnect packet."""
        with suppress(ConnectionClosed):  # the server was faster
            if code == 1000:
                await connection.send("41")
        await super()._close(connection, code)

    async def _greet(self) -> None:
        """Do nothing yet: the Engine.IO and Socket.IO handshakes still follow."""

    async def _receive(self, text: str | bytes) -> None:
        assert isinstance(text, str)
        if text.startswith("0{"):
            await self._say(f"40{json.dumps(self._visit_fields)}")
        elif text == "2":
            await self._say("3")
        elif text.startswith("40"):
            self.on_open()
            if self._join is None:
                self._opened()
            else:
                await self._say("420" + json.dumps(["join", self._join()]))
        elif text.startswith("42"):
            self.on_event(json.loads(text[2:])[1])
        elif text.startswith("43"):
            self._joined(json.loads(text[text.index("[") :])[0])
        elif text.startswith("41"):
            self.reset()

    def _joined(self, acknowledgement: dict[str, Any]) -> None:
        if acknowledgement["ok"]:
            self._opened()
            return
        code = acknowledgement["code"]
        self.journal.note(f"joins answered {code}")
        if isinstance(code, int):
            self.on_close_code(code)
        self.reset()


class SilentSocket(PlainSocket):
    """Opens a socket and never reads it, resets it after a while, and connects again."""

    async def _serve(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALLEST_BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        await self.thread.loop.sock_connect(self._socket, ("127.0.0.1", self.thread.port))
        await self.thread.loop.sock_sendall(self._socket, upgrade(self.path))
        await asyncio.sleep(self.thread.chance.uniform(*SILENT_FOR_S))
