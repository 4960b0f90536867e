"""Clients of event streams: one reads on demand, the other records all events in a thread."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from contextlib import suppress
from typing import Any, NamedTuple, Self

from support.clients.members import CommunityListener
from support.programs.patience import SILENT_PATIENCE_S

SITE = "/api/stream"


def of_community(community: str) -> str:
    return f"/api/communities/{community}/stream"


class Block(NamedTuple):
    """A block between two empty lines: fields by name. A comment has the name ""."""

    fields: dict[str, str]

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.fields["data"])

    @property
    def is_comment(self) -> bool:
        return set(self.fields) == {""}


class EventSource:
    """One stream. It never reconnects."""

    def __init__(
        self,
        port: int,
        path: str = SITE,
        method: str = "GET",
        receive_buffer: int | None = None,
        **headers: str,
    ) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SILENT_PATIENCE_S)
        self.connection.sock = self.sock = socket.socket()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(SILENT_PATIENCE_S)
        self.sock.connect(("127.0.0.1", port))
        self.connection.request(
            method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        self.answer = self.connection.getresponse()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def error(self) -> tuple[int, str]:
        """Status and error code of a refusal."""
        return self.status, json.loads(self.answer.read())["code"]

    def block(self) -> Block | None:
        """The next block, or None at the end."""
        fields: dict[str, str] = {}
        while line := self.answer.readline().decode():
            if line == "\n":
                return Block(fields)
            name, _, value = line.rstrip("\n").partition(":")
            fields[name] = value.removeprefix(" ")
        assert not fields, "the end is in the middle of an event"
        return None

    def event_block(self) -> Block | None:
        """The next block with an event."""
        while (block := self.block()) is not None and "data" not in block.fields:
            pass
        return block

    def event(self) -> dict[str, Any]:
        block = self.event_block()
        assert block is not None, "the stream has ended"
        return block.event

    def rest(self) -> list[dict[str, Any]]:
        """The remaining events."""
        events = []
        while (block := self.event_block()) is not None:
            events.append(block.event)
        return events

    def close(self) -> None:
        self.answer.close()
        self.connection.close()
        self.sock.close()


class StreamListener(CommunityListener):
    """A page that follows a stream, in a thread."""

    kind = "stream"

    def __init__(self, port: int, path: str = SITE, token: str | None = None) -> None:
        super().__init__()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.source = EventSource(port, path, **headers)
        assert self.source.status == 200, self.source.error
        self.source.sock.settimeout(None)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        with suppress(OSError):
            self.source.sock.shutdown(socket.SHUT_RDWR)
        self._reader.join(SILENT_PATIENCE_S)
        self.source.close()

    break_off = close

    @property
    def has_ended(self) -> bool:
        return not self._reader.is_alive()

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            while (block := self.source.event_block()) is not None:
                self.note(block.event)
