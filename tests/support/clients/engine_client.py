"""An Engine.IO client that polls, packet by packet: for what client libraries hide."""

from __future__ import annotations

import json
from typing import Any

import httpx

from support.programs.patience import SILENT_PATIENCE_S
from support.servers.api_client import WITHOUT_TLS

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = "0123456"
SEPARATOR = "\x1e"
PATH = "/socket.io/"


def url(port: int, sid: str | None = None, scheme: str = "http", **query: str | None) -> str:
    parameters = {"EIO": "4", "transport": "polling" if scheme == "http" else "websocket", "sid": sid, **query}
    present = {name: value for name, value in parameters.items() if value is not None}
    return f"{scheme}://127.0.0.1:{port}{PATH}?{httpx.QueryParams(present)}"


class Polling:
    """An HTTP long-polling session, with a new connection for each request. The constructor opens it."""

    def __init__(self, port: int) -> None:
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(verify=WITHOUT_TLS, trust_env=False, timeout=SILENT_PATIENCE_S, limits=limits)
        opened = self._http.get(url(port))
        assert opened.text.startswith(OPEN), opened.text
        self.handshake: dict[str, Any] = json.loads(opened.text[1:])
        self.sid: str = self.handshake["sid"]
        self._url = url(port, self.sid)

    def get(self) -> httpx.Response:
        return self._http.get(self._url)

    def post(self, *packets: str) -> httpx.Response:
        return self._http.post(self._url, content=SEPARATOR.join(packets))

    def poll(self) -> list[str]:
        return self.get().raise_for_status().text.split(SEPARATOR)

    def next_packets(self) -> list[str]:
        """Poll and answer pings until other packets arrive."""
        while True:
            packets = self.poll()
            if PING in packets:
                self.post(PONG)
            if others := [packet for packet in packets if packet not in (PING, NOOP)]:
                return others
