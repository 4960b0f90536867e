"""An Engine.IO client, packet by packet, on either transport: for what client libraries hide or would never send."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import requests
import websocket

from support.programs.patience import SILENT_PATIENCE_S

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = "0123456"
SEPARATOR = "\x1e"
PATH = "/socket.io/"


def url(port: int, sid: str | None = None, scheme: str = "http", **query: str | None) -> str:
    asked = {"EIO": "4", "transport": "polling" if scheme == "http" else "websocket", "sid": sid, **query}
    words = "&".join(f"{name}={value}" for name, value in asked.items() if value is not None)
    return f"{scheme}://127.0.0.1:{port}{PATH}?{words}"


class Polling:
    """An HTTP long-polling session. The constructor opens it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sid: str | None = None
        self._http = requests.Session()
        self._http.trust_env = False
        opened = self.get()
        assert opened.status_code == 200, opened.text
        assert opened.text.startswith(OPEN)
        self.handshake: dict[str, Any] = json.loads(opened.text[1:])
        self.sid = self.handshake["sid"]

    def get(self) -> requests.Response:
        return requests.get(url(self.port, self.sid), timeout=SILENT_PATIENCE_S)

    def post(self, *packets: str) -> requests.Response:
        return self._http.post(
            url(self.port, self.sid), data=SEPARATOR.join(packets).encode(), timeout=SILENT_PATIENCE_S
        )

    def poll(self) -> list[str]:
        """The packets of one poll."""
        answer = self.get()
        assert answer.status_code == 200, answer.text
        return answer.text.split(SEPARATOR)

    def next_packets(self) -> list[str]:
        """Poll and answer pings until other packets arrive."""
        until = time.monotonic() + SILENT_PATIENCE_S
        while time.monotonic() < until:
            packets = self.poll()
            if PING in packets:
                self.post(PONG)
            if others := [packet for packet in packets if packet not in (PING, NOOP)]:
                return others
        raise AssertionError("only pings came")

    @property
    def is_known(self) -> bool:
        """Whether the server still knows the session. Use it only where a poll ends soon."""
        return self.get().status_code == 200


class Socket:
    """A WebSocket to Engine.IO. With `sid`, it upgrades that polling session."""

    def __init__(self, port: int, sid: str | None = None, **query: str | None) -> None:
        self.socket = websocket.create_connection(url(port, sid, "ws", **query), timeout=SILENT_PATIENCE_S)
        self.handshake: dict[str, Any] = {}
        if sid is None:
            opened = self.receive(pings=True)
            assert opened[0] == OPEN
            self.handshake = json.loads(opened[1:])

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError, websocket.WebSocketException):
            self.socket.close(timeout=1)

    def send(self, *packets: str | bytes) -> Socket:
        for packet in packets:
            self.socket.send(packet, websocket.ABNF.OPCODE_BINARY if isinstance(packet, bytes) else 1)
        return self

    def receive(self, pings: bool = False) -> Any:
        """The next packet. Pings are answered and skipped unless `pings` is set."""
        while True:
            packet = self.socket.recv()
            assert packet != "", "the server closed the connection"
            if packet != PING or pings:
                return packet
            self.socket.send(PONG)

    def until_closed(self) -> list[Any]:
        """Remaining packets until the server closes, without answering pings."""
        packets: list[Any] = []
        with suppress(websocket.WebSocketConnectionClosedException, ConnectionError):
            while (packet := self.socket.recv()) != "":
                packets.append(packet)
        return packets
