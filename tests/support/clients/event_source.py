"""Clients of event streams: one reads on demand, the other records all events in a thread."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from typing import Any, Self

import httpx
import httpx_sse

from support.clients.members import CommunityListener
from support.programs.patience import SILENT_PATIENCE_S
from support.servers.api_client import WITHOUT_TLS

SITE = "/api/stream"


def of_community(community: str) -> str:
    return f"/api/communities/{community}/stream"


class EventSource:
    """One stream. It never reconnects."""

    def __init__(
        self,
        port: int,
        path: str = SITE,
        method: str = "GET",
        timeout_s: float | None = SILENT_PATIENCE_S,
        **headers: str,
    ) -> None:
        self._http = httpx.Client(verify=WITHOUT_TLS, trust_env=False, timeout=timeout_s)
        request = self._http.build_request(
            method,
            f"http://127.0.0.1:{port}{path}",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        self.answer = self._http.send(request, stream=True)
        self.blocks = httpx_sse.EventSource(self.answer).iter_sse()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def error(self) -> tuple[int, str]:
        return self.status, json.loads(self.answer.read())["code"]

    def event(self) -> dict[str, Any]:
        return next(block.json() for block in self.blocks if block.data)

    def rest(self) -> list[dict[str, Any]]:
        """The remaining events."""
        return [block.json() for block in self.blocks if block.data]

    def close(self) -> None:
        """Close the connection, and wake a thread that reads from it."""
        with suppress(OSError):
            self.answer.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._http.close()


class StreamListener(CommunityListener):
    """A page that follows a stream, in a thread."""

    kind = "stream"

    def __init__(self, port: int, path: str = SITE, token: str | None = None) -> None:
        super().__init__()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._source = EventSource(port, path, timeout_s=None, **headers)
        assert self._source.status == 200, self._source.error
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        self._source.close()
        self._reader.join(SILENT_PATIENCE_S)

    @property
    def has_ended(self) -> bool:
        return not self._reader.is_alive()

    def _read(self) -> None:
        with suppress(httpx.HTTPError, httpx.StreamError, OSError):
            for block in self._source.blocks:
                if block.data:
                    self.note(block.json())
