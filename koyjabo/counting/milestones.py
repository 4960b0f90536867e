"""Totals that are announced when a visit reaches them (specification: Milestones). A milestone is a row in
`announcements`, written in the transaction of the visit that reaches it. The first event that shows this total in a
room also includes the milestone.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache

from koyjabo.base.models import Scope
from koyjabo.base.settings.checks import MAX_TOTAL, NO_TOTALS
from .records import CounterSnapshot
from .stats import base36

FIRST_MILESTONE = 100

MILESTONE_REACHED = "milestone.reached"


Milestone = tuple[str, str, Scope, int, str]
"""A row of `announcements`, in column order: key, type, scope, time in ms, and data as JSON."""


def usual() -> list[int]:
    """The default milestones: 1, 2.5 and 5 times each power of 10, from FIRST to a little more than the highest total
    that can be set.
    """
    powers = (10**exponent for exponent in range(len(str(MAX_TOTAL)) + 1))
    return [value for power in powers if power >= FIRST_MILESTONE for value in (power, 5 * power // 2, 5 * power)]


def key(scope: Scope, value: int) -> str:
    """The unique key of a milestone, so that it is announced only once."""
    return f"milestone:{scope}:{value}"


class Milestones:
    """The totals to announce. `values` returns them in order."""

    def __init__(self, values: Callable[[], Sequence[int]]) -> None:
        self._read = values

    def between(self, before: int, after: int) -> Sequence[int]:
        """The milestones above `before`, up to and including `after`."""
        values = self._read()
        first = bisect_right(values, before)
        if first == len(values) or values[first] > after:  # nearly always
            return ()
        return values[first : bisect_right(values, after)]

    def after(self, total: int) -> int | None:
        """The next milestone above `total`."""
        values = self._read()
        first = bisect_right(values, total)
        return values[first] if first < len(values) else None

    def reached(self, snapshot: CounterSnapshot, before: int, at_ms: int) -> list[Milestone]:
        """Rows for the milestones that a scope has reached since its total was `before`."""
        rows = []
        for value in self.between(before, snapshot.total):
            data = json.dumps({"milestone": value, "epoch": base36(snapshot.epoch)})
            rows.append((key(snapshot.scope, value), MILESTONE_REACHED, snapshot.scope, at_ms, data))
        return rows


NO_MILESTONES = Milestones(tuple)


@lru_cache(maxsize=8)
def of_setting(text: str) -> Sequence[int]:
    """The totals in the MILESTONES setting, which `base.settings.checks` has validated."""
    if text == NO_TOTALS:
        return ()
    return sorted({int(value) for value in text.split(",")}) if text else usual()
