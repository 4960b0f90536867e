"""Validates clients' messages."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from koyjabo.base.core.errors import InvalidMessage
from koyjabo.base.core.identity import VISIT_NAME, VISITOR_ID

MAX_MESSAGE_BYTES = 4096
"""Maximum size of a message, bytes (docs/limits.md)."""

MAX_LIST_MESSAGE_BYTES = 65_536
"""Maximum size of a message with a list, bytes (docs/limits.md)."""


MAX_ERRORS = 10
"""Limit on invalid messages per connection. Reaching it closes the connection with code 1008."""


def parse(message: str | bytes) -> dict[str, Any]:
    """Parse a message from a plain WebSocket: a JSON object with a `type`. Raises InvalidMessage."""
    if isinstance(message, bytes):
        raise InvalidMessage("Binary messages are not supported; send JSON as text.")
    try:
        parsed = json.loads(message)
    except (ValueError, RecursionError):
        raise InvalidMessage("That was not JSON. " + InvalidMessage.sentence) from None
    if not isinstance(parsed, dict) or not isinstance(parsed.get("type"), str):
        raise InvalidMessage
    return parsed


def unknown(kind: str, types: Iterable[str]) -> InvalidMessage:
    return InvalidMessage(f"Unknown message type {kind[:40]!r}; the types are {', '.join(types)}.")


def is_true(value: object) -> bool:
    """Whether the `anonymous` field of a query or message is true."""
    return value is True or value in ("1", "true")


def visitor_id(value: object) -> str | None:
    """A valid visitorId; None for any other value, which is treated as missing."""
    return value if isinstance(value, str) and VISITOR_ID.fullmatch(value) else None


def visit_id(value: object) -> str | None:
    """A valid visitId; None if it is missing. Raises InvalidMessage for any other value."""
    if value is None or (isinstance(value, str) and VISIT_NAME.fullmatch(value)):
        return value
    raise InvalidMessage(
        "A visitId has 1 to 128 characters from A–Z a–z 0–9 _ - . : + / = and is not undefined, null, None or the like"
    )


class VisibleMessage(NamedTuple):
    """A message that a client's page was shown or hidden, or that there was user input."""

    visible: bool
    acted: bool
    visit_id: str | None

    @classmethod
    def of(cls, message: object) -> "VisibleMessage":
        """Parse a message. Raises InvalidMessage."""
        fields = message if isinstance(message, dict) else {"visible": message}
        visible, acted = fields.get("visible"), fields.get("acted", False)
        if not isinstance(visible, bool) or not isinstance(acted, bool):
            raise InvalidMessage("`visible`, and `acted` if it is sent, must be true or false.")
        return cls(visible, acted, visit_id(fields.get("visitId")))
