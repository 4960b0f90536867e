"""Queries for the status of the system: a ping, and the adjustments of the total."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from koyjabo.models import SITE, Adjustment

BEGINNING = "STARTING_TOTAL"
MOST_ADJUSTMENTS = 20


class TotalAdjustment(NamedTuple):
    """A change of the total, by hand or by STARTING_TOTAL."""

    at_ms: int
    total_before: int
    total_after: int
    reason: str


ROW = [getattr(Adjustment, name) for name in TotalAdjustment._fields]


def ping(session: Session) -> None:
    session.execute(text("SELECT 1"))


def adjustments(session: Session) -> list[TotalAdjustment]:
    """The newest MOST_ADJUSTMENTS, newest first."""
    rows = select(*ROW).where(Adjustment.scope == SITE).order_by(Adjustment.id.desc()).limit(MOST_ADJUSTMENTS)
    return [TotalAdjustment._make(row) for row in session.execute(rows)]


def starting_total(session: Session) -> int:
    """The total before the first visit. Reasons are free text, so STARTING_TOTAL counts only in the first adjustment,
    and if that was before all visits.
    """
    first = session.scalar(select(Adjustment).where(Adjustment.scope == SITE).order_by(Adjustment.id).limit(1))
    is_beginning = first is not None and first.after_visit == 0 and first.reason == BEGINNING
    return first.total_after if first is not None and is_beginning else 0
