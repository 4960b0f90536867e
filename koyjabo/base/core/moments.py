"""Times that programs send: with their offset, or in ms since 1970."""

import re
from datetime import datetime

from .i18n import N_

EXAMPLE_MOMENT = "2026-12-31T18:00:00Z"

MOMENT_TEXT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)

MOMENT_FORMAT = N_("must be a time with its offset, such as 2026-12-31T18:00:00Z, or milliseconds since 1970")

LAST_MOMENT_MS = 253_402_300_799_999
"""The end of the year 9999, ms."""


def moment_of(value: object) -> int | None:
    """ms since 1970; None if `value` is not a timestamp."""
    if type(value) is int:
        return value if 0 <= value <= LAST_MOMENT_MS else None
    if not isinstance(value, str) or not MOMENT_TEXT.fullmatch(value):
        return None
    try:
        return int(datetime.fromisoformat(value).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
