"""The parts of a total: pure functions of its history."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from koyjabo.models.ledger import IMPORTED, ROLLED_BACK, SET, START
from koyjabo.receipts.change_queries import TotalChange

ADJUSTED, VISITS = "adjustment", "visits"
KINDS = {START: START, IMPORTED: IMPORTED, SET: ADJUSTED, ROLLED_BACK: ROLLED_BACK}
"""How a receipt calls the kinds of adjustments."""

ORDER = (*KINDS.values(), VISITS)

MOST_PARTS = 60
"""Of a total with more until its last change, the oldest are combined by their kind."""


class ReceiptPart(NamedTuple):
    """`first` and `last` are the numbers that it covers; where it lowered the total, those that were taken back. Both
    are None of parts that were combined.
    """

    kind: str  # one of ORDER
    amount: int  # negative where the total was lowered
    first: int | None = None
    last: int | None = None
    at_ms: int | None = None  # None of visits; of combined parts: that of the newest of them
    reason: str | None = None
    by: str | None = None  # OPERATOR_NAME, or the name of a user; None if it is not known any more, or not told

    @property
    def total_after(self) -> int | None:
        """The total that it led to."""
        return self.last if self.amount > 0 or self.first is None else self.first - 1


def parts_of(changes: tuple[TotalChange, ...], visits: int, total: int) -> tuple[ReceiptPart, ...]:
    """The oldest first. They add up to `total`: should the ledger disagree with itself, the difference is an adjustment
    without a moment.
    """
    parts, counted, reached = _upto_last_change(changes)
    newest = _part(VISITS, visits - counted, reached)
    return (*parts, *newest, *_part(ADJUSTED, total - reached - (visits - counted), reached + visits - counted))


@lru_cache(maxsize=1)  # each visit leads to another receipt, and few to another change
def _upto_last_change(changes: tuple[TotalChange, ...]) -> tuple[tuple[ReceiptPart, ...], int, int]:
    """The parts until the last change, and the visits and the total after it."""
    parts: list[ReceiptPart] = []
    counted = reached = 0
    for change in changes:
        parts += _part(VISITS, change.after_visit - counted, reached)
        reached, counted = reached + change.after_visit - counted, change.after_visit
        reason = change.reason if change.kind in (SET, IMPORTED) else None
        parts += _part(KINDS[change.kind], change.amount, reached, change.at_ms, reason)
        reached += change.amount
    return combined(parts), counted, reached


def _part(
    kind: str, amount: int, before: int, at_ms: int | None = None, reason: str | None = None
) -> tuple[ReceiptPart, ...]:
    """Of a total that was `before`; none for 0."""
    after = before + amount
    return (ReceiptPart(kind, amount, min(before, after) + 1, max(before, after), at_ms, reason),) if amount else ()


def combined(parts: Sequence[ReceiptPart]) -> tuple[ReceiptPart, ...]:
    """At most MOST_PARTS: of the oldest ones, one for each kind."""
    if len(parts) <= MOST_PARTS:
        return tuple(parts)
    older = parts[: len(parts) - MOST_PARTS + len(ORDER)]
    by_kind = sorted(older, key=lambda part: ORDER.index(part.kind))
    sums = (_sum(kind, list(some)) for kind, some in groupby(by_kind, key=lambda part: part.kind))
    return (*(part for part in sums if part.amount), *parts[len(older) :])


def _sum(kind: str, parts: list[ReceiptPart]) -> ReceiptPart:
    moments = [part.at_ms for part in parts if part.at_ms is not None]
    return ReceiptPart(kind, sum(part.amount for part in parts), at_ms=max(moments, default=None))
