"""Clients of both kinds of socket that record the events they received."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import socketio
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.api_client import Stats

BROWSER = "Mozilla/5.0 (Linux; Android 14) a browser of the tests"


@dataclass(frozen=True)
class ReceivedEvent:
    event: dict[str, Any]

    @property
    def stats(self) -> Stats:
        return Stats.of(self.event["stats"])


class Listener:
    """One open page. The constructor connects; the context manager disconnects."""

    def __init__(self) -> None:
        self.received: list[ReceivedEvent] = []

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None: ...

    def note(self, event: dict[str, Any]) -> None:
        self.received.append(ReceivedEvent(event))

    def of_type(self, kind: str) -> list[ReceivedEvent]:
        return [received for received in list(self.received) if received.event["type"] == kind]

    @property
    def updates(self) -> list[Stats]:
        return [received.stats for received in self.of_type("visitor_update")]

    def next_of_type(self, kind: str, after: int = 0) -> dict[str, Any]:
        """The first event of type `kind` after `after` earlier ones."""
        wait_until(lambda: len(self.of_type(kind)) > after, f"{kind} number {after + 1}", PATIENCE_S, 0.002)
        return self.of_type(kind)[after].event

    def first(self) -> Stats:
        """The first stats after connecting."""
        return Stats.of(self.next_of_type("visitor_update")["stats"])

    def wait_for(self, shows: Callable[[Stats], object], what: str, timeout_s: float = PATIENCE_S) -> Stats:
        """The first stats received where `shows` is true."""
        matching = wait_until(lambda: [update for update in self.updates if shows(update)], what, timeout_s, 0.002)
        return matching[0]

    def wait_for_total(self, total: int) -> Stats:
        return self.wait_for(lambda stats: stats.total == total, f"total {total}")


class PlainSocket(Listener):
    """A plain WebSocket. `code` and `reason` are from the server's close frame. `connect` describes the `options`."""

    kind = "plain"

    def __init__(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        cookie: str = "",
        agent: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.code: int | None = None
        self.reason = ""
        parts = urlsplit(url)
        options = {"origin": f"http://{parts.netloc}", "open_timeout": PATIENCE_S, **options}
        headers = {**(headers or {}), **({"Cookie": cookie} if cookie else {})}
        self.socket = connect(
            url, additional_headers=headers, user_agent_header=agent, proxy=None, ping_interval=None, **options
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def say(self, message: dict[str, Any]) -> None:
        self.socket.send(json.dumps(message))

    def close(self, code: int = 1000) -> None:
        self.socket.close(code)
        self._reader.join(PATIENCE_S)

    def _read(self) -> None:
        try:
            while True:
                self.note(json.loads(self.socket.recv()))
        except ConnectionClosed as closed:
            if closed.rcvd is not None:
                self.code, self.reason = closed.rcvd.code, closed.rcvd.reason


class PlainListener(PlainSocket):
    """The socket at `/`. Without `visitor` it is the original client, which does not identify itself."""

    def __init__(self, port: int, visitor: str | None = None, agent: str = BROWSER) -> None:
        query = f"?{urlencode({'visitorId': visitor})}" if visitor else ""
        super().__init__(f"ws://127.0.0.1:{port}/{query}", agent=agent)


class SocketioSocket(Listener):
    """A Socket.IO client."""

    kind = "socketio"

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__()
        self.client = new_client()
        keep_order(self.client)
        self.client.on("*", self._note)
        self.client.connect(url, wait_timeout=PATIENCE_S, **options)

    def ask(self, event: str, *arguments: Any) -> Any:
        """Send an event and wait for its acknowledgement."""
        return self.client.call(event, arguments or None, timeout=PATIENCE_S)

    def close(self) -> None:
        if self.client.connected:
            leave(self.client)

    def _note(self, name: str, *arguments: Any) -> None:
        assert name == arguments[0]["type"], f"event {name} carries {arguments[0]}"
        self.note(arguments[0])


def new_client(**options: Any) -> socketio.Client:
    """A client that does not reconnect. By default it would wait 5 s for a response, and `connect` 1 s."""
    return socketio.Client(reconnection=False, request_timeout=PATIENCE_S, ssl_verify=False, **options)


def keep_order(client: socketio.Client) -> None:
    """Handle events on the thread that reads them. On a thread for each, two of them may be swapped."""
    connection = client.eio
    in_background = connection.start_background_task

    def start(task: Callable[..., Any], *arguments: Any) -> Any:
        is_loop = getattr(task, "__self__", None) is connection  # a loop that reads or writes
        return in_background(task, *arguments) if is_loop else task(*arguments)

    connection.start_background_task = start


class SocketioListener(SocketioSocket):
    """A page's Socket.IO client. `transports` lists the allowed transports; both by default."""

    def __init__(self, port: int, visitor: str | None = None, agent: str = BROWSER, **options: Any) -> None:
        query = f"?{urlencode({'visitorId': visitor})}" if visitor else ""
        super().__init__(f"http://127.0.0.1:{port}/{query}", headers={"User-Agent": agent}, **options)

    @property
    def transport(self) -> str:
        return self.client.transport()


def leave(client: socketio.Client) -> None:
    """Disconnect. A polling client may fail to say goodbye, and would wait until the next ping."""
    leaving = threading.Thread(target=client.disconnect, daemon=True)
    leaving.start()
    leaving.join(1)


BOTH_KINDS = [PlainListener, SocketioListener]
