"""Clients of both kinds that listen, and note when they received what."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from struct import unpack
from typing import Any
from urllib.parse import urlencode

import engineio
import socketio
import websocket

from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.responses import Stats

BROWSER = "Mozilla/5.0 (Linux; Android 14) a browser of the tests"


class _Connection(engineio.Client):
    def _trigger_event(self, event: str, *said: Any, **options: Any) -> Any:
        """Not in a thread for each message, as the library does it: of two threads the second may be first."""
        return super()._trigger_event(event, *said, **{**options, "run_async": False})


class Client(socketio.Client):
    """It gets events in the order in which they arrive."""

    def _engineio_client_class(self) -> type[engineio.Client]:
        return _Connection


@dataclass(frozen=True)
class ReceivedEvent:
    at: float
    """Monotonic s."""
    event: dict[str, Any]

    @property
    def stats(self) -> Stats:
        return Stats.of(self.event["stats"])


class Listener:
    """One open page. Connects when it is made; used as a context manager, it leaves in the end."""

    def __init__(self) -> None:
        self.received: list[ReceivedEvent] = []

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None: ...

    def note(self, event: dict[str, Any]) -> None:
        self.received.append(ReceivedEvent(time.monotonic(), event))

    def of_type(self, kind: str) -> list[ReceivedEvent]:
        return [received for received in list(self.received) if received.event["type"] == kind]

    @property
    def updates(self) -> list[Stats]:
        """What it was shown, in order."""
        return [received.stats for received in self.of_type("visitor_update")]

    def next_of_type(self, kind: str, after: int = 0) -> dict[str, Any]:
        """The first event of a kind after `after` others of it."""
        wait_until(lambda: len(self.of_type(kind)) > after, f"{kind} number {after + 1}", PATIENCE_S, 0.002)
        return self.of_type(kind)[after].event

    def first(self) -> Stats:
        """What it was shown on connecting."""
        return Stats.of(self.next_of_type("visitor_update")["stats"])

    def wait_for(self, shows: Callable[[Stats], object], what: str, timeout_s: float = PATIENCE_S) -> Stats:
        """The first stats it was shown for which `shows` holds."""
        found = wait_until(lambda: [each for each in self.updates if shows(each)], what, timeout_s, 0.002)
        return found[0]

    def wait_for_total(self, total: int) -> Stats:
        return self.wait_for(lambda stats: stats.total == total, f"total {total}")


class PlainSocket(Listener):
    """A plain WebSocket; `code` and `reason` are those with which the server has closed it."""

    kind = "plain"

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__()
        self.code: int | None = None
        self.reason = ""
        self.socket = websocket.create_connection(url, timeout=PATIENCE_S, **options)
        self.socket.settimeout(None)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def say(self, message: dict[str, Any]) -> None:
        self.socket.send(json.dumps(message))

    def close(self, code: int = 1000) -> None:
        with suppress(OSError, websocket.WebSocketException):
            self.socket.close(status=code)
        self._reader.join(PATIENCE_S)

    @property
    def has_ended(self) -> bool:
        return not self._reader.is_alive()

    def _read(self) -> None:
        with suppress(OSError, websocket.WebSocketException, ValueError, AttributeError):
            while True:
                opcode, data = self.socket.recv_data(control_frame=True)
                if opcode == websocket.ABNF.OPCODE_TEXT:
                    self.note(json.loads(data))
                elif opcode == websocket.ABNF.OPCODE_CLOSE:
                    self.code = unpack("!H", data[:2])[0] if data else 1005
                    self.reason = data[2:].decode()
                    return


class PlainListener(PlainSocket):
    """At `/`. Without `visitor`, it is the original client, which does not say who it is."""

    def __init__(self, port: int, visitor: str | None = None, agent: str = BROWSER) -> None:
        query = f"?{urlencode({'visitorId': visitor})}" if visitor else ""
        super().__init__(f"ws://127.0.0.1:{port}/{query}", header={"User-Agent": agent})


class SocketioSocket(Listener):
    """A Socket.IO client."""

    kind = "socketio"

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__()
        self.client = Client(reconnection=False, request_timeout=PATIENCE_S)
        self.client.on("*", self._note)
        self.client.connect(url, wait_timeout=PATIENCE_S, **options)

    def ask(self, event: str, *said: Any) -> Any:
        """Send an event and wait for its acknowledgement."""
        return self.client.call(event, said or None, timeout=PATIENCE_S)

    def close(self) -> None:
        if self.client.connected:
            leave(self.client)

    @property
    def has_ended(self) -> bool:
        return not self.client.connected

    def _note(self, name: str, *said: Any) -> None:
        assert name == said[0]["type"], f"event {name} carries {said[0]}"
        self.note(said[0])


class SocketioListener(SocketioSocket):
    """`transports` are those it may use, both if nothing is said."""

    def __init__(self, port: int, visitor: str | None = None, agent: str = BROWSER, **options: Any) -> None:
        query = f"?{urlencode({'visitorId': visitor})}" if visitor else ""
        super().__init__(f"http://127.0.0.1:{port}/{query}", headers={"User-Agent": agent}, **options)

    @property
    def transport(self) -> str:
        return self.client.transport()


def leave(client: socketio.Client) -> None:
    """Disconnect; a polling one may not send its goodbye, and would wait here until the next ping."""
    leaving = threading.Thread(target=client.disconnect, daemon=True)
    leaving.start()
    leaving.join(1)


BOTH_KINDS = [PlainListener, SocketioListener]
