"""The last 60 minutes as the columns of a chart (templates/counting/minutes.html)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from koyjabo.core.clock import MINUTE_MS, Clock
from koyjabo.counting.last_hour import MINUTES


class Column(NamedTuple):
    minute: int  # since 1970
    begins: str  # local time, ISO 8601
    values: Sequence[int]  # one for each series


def columns(clock: Clock, minutes: Mapping[str, Sequence[int] | int], series: int = 1) -> list[Column]:
    """All of the last 60 minutes, the oldest first, of values by minute as events have them."""
    last = clock.now_ms() // MINUTE_MS
    found = []
    for minute in range(last - MINUTES + 1, last + 1):
        value = minutes.get(str(minute), [0] * series)
        values = [value] if isinstance(value, int) else value
        found.append(Column(minute, clock.local(minute * MINUTE_MS // 1000), values))
    return found
