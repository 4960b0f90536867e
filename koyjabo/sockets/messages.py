"""What clients say, checked."""

from __future__ import annotations

import json
from typing import Any

from koyjabo.counting.visits import VISITOR_ID
from koyjabo.errors import InvalidMessage

LARGEST_MESSAGE = 4096
"""Bytes (docs/limits.md)."""

MOST_ERRORS = 10
"""From one client; then it is closed with 1008."""


def parse(message: str | bytes) -> dict[str, Any]:
    """A message of a plain WebSocket: a JSON object with a `type`. Raises InvalidMessage."""
    if isinstance(message, bytes):
        raise InvalidMessage("Binary messages are not understood here; send JSON as text.")
    try:
        said = json.loads(message)
    except (ValueError, RecursionError):
        raise InvalidMessage("That was not JSON. " + InvalidMessage.sentence) from None
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        raise InvalidMessage
    return said


def unknown(kind: str) -> InvalidMessage:
    return InvalidMessage(f"There is no message of type {kind[:40]!r} here; there are ping and request_count.")


def visitor_id(said: object) -> str | None:
    """A visitorId, if it is one; whoever sends something else is treated like one who sends none."""
    return said if isinstance(said, str) and VISITOR_ID.fullmatch(said) else None
