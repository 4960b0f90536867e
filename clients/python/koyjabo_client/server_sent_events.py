"""Reads Server-Sent Events (WHATWG HTML, 9.2)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from koyjabo_client.records import Event


def read(lines: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events in the lines of a stream. An event ends with a blank line."""
    data: list[str] = []
    for line in lines:
        text = line.decode().rstrip("\r\n")
        if text.startswith("data:"):
            data.append(text[5:].removeprefix(" "))
        elif not text and data:
            yield json.loads("\n".join(data))
            data = []
