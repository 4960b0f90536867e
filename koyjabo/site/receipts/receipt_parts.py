"""The parts that add up to the site's total."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from koyjabo.counting.models import ROLLED_BACK_TOTAL, SET_TOTAL, START_TOTAL
from .queries import TotalChange

ADJUSTMENT_PART, VISITS_PART = "adjustment", "visits"

PART_KINDS = {START_TOTAL: START_TOTAL, SET_TOTAL: ADJUSTMENT_PART, ROLLED_BACK_TOTAL: ROLLED_BACK_TOTAL}
"""The kind of a part, by kind of adjustment."""

PART_ORDER = (*PART_KINDS.values(), VISITS_PART)

MAX_RECEIPT_PARTS = 60
"""Maximum number of parts up to the last change. If there are more, the oldest are combined, one part per kind."""


class ReceiptPart(NamedTuple):
    """A part of the total. `first` and `last` are the visit numbers that it covers or, if it lowered the total, that it
    took back. Both are None for combined parts.
    """

    kind: str  # one of PART_ORDER
    amount: int  # negative if the total was lowered
    first: int | None = None
    last: int | None = None
    at_ms: int | None = None  # None for visits; the latest time for combined parts
    reason: str | None = None
    by: str | None = None  # OPERATOR_NAME or a user's name; None if unknown or not shown

    @property
    def total_after(self) -> int | None:
        """The total after this part."""
        return self.last if self.amount > 0 or self.first is None else self.first - 1


def parts_of(changes: tuple[TotalChange, ...], visits: int, total: int) -> tuple[ReceiptPart, ...]:
    """The parts, oldest first. They always add up to `total`: if the ledger contradicts itself, the difference is an
    adjustment without a time.
    """
    parts, counted, reached = _upto_last_change(changes)
    newest = _part(VISITS_PART, visits - counted, reached)
    return (*parts, *newest, *_part(ADJUSTMENT_PART, total - reached - (visits - counted), reached + visits - counted))


@lru_cache(maxsize=1)  # the part of the receipt that visits do not change
def _upto_last_change(changes: tuple[TotalChange, ...]) -> tuple[tuple[ReceiptPart, ...], int, int]:
    """The parts up to the last change, and the number of visits and the total after it."""
    parts: list[ReceiptPart] = []
    counted = reached = 0
    for change in changes:
        parts += _part(VISITS_PART, change.after_visit - counted, reached)
        reached, counted = reached + change.after_visit - counted, change.after_visit
        reason = change.reason if change.kind == SET_TOTAL else None
        parts += _part(PART_KINDS[change.kind], change.amount, reached, change.at_ms, reason)
        reached += change.amount
    return combined(parts), counted, reached


def _part(
    kind: str, amount: int, before: int, at_ms: int | None = None, reason: str | None = None
) -> tuple[ReceiptPart, ...]:
    """Return a part that changes the total from `before` by `amount`, or no part if `amount` is 0."""
    after = before + amount
    return (ReceiptPart(kind, amount, min(before, after) + 1, max(before, after), at_ms, reason),) if amount else ()


def combined(parts: Sequence[ReceiptPart]) -> tuple[ReceiptPart, ...]:
    """Return at most MAX_RECEIPT_PARTS parts: the oldest are combined, one part per kind."""
    if len(parts) <= MAX_RECEIPT_PARTS:
        return tuple(parts)
    older = parts[: len(parts) - MAX_RECEIPT_PARTS + len(PART_ORDER)]
    by_kind = sorted(older, key=lambda part: PART_ORDER.index(part.kind))
    sums = []
    for kind, some in groupby(by_kind, key=lambda part: part.kind):
        of_kind = list(some)
        newest_ms = max((part.at_ms for part in of_kind if part.at_ms is not None), default=None)
        sums.append(ReceiptPart(kind, sum(part.amount for part in of_kind), at_ms=newest_ms))
    return (*(part for part in sums if part.amount), *parts[len(older) :])
