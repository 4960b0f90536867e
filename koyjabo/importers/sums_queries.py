"""Adds visits by day to the total: an adjustment for each day, and a row in `imported_days` by which it is known."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from koyjabo.maintenance.total_queries import Totals, add_to_total
from koyjabo.models import ImportedDay

Days = Mapping[str, int]
"""Visits by day, YYYY-MM-DD."""


def taken(session: Session, program: str) -> dict[str, dict[str, int]]:
    """The visits by day that were added before, by source: the program, and after a colon its site if one was named."""
    rows = select(ImportedDay.source, ImportedDay.day, ImportedDay.visits).where(
        (ImportedDay.source == program) | ImportedDay.source.startswith(f"{program}:", autoescape=True)
    )
    found: dict[str, dict[str, int]] = {}
    for source, day, visits in session.execute(rows):
        found.setdefault(source, {})[day] = visits
    return found


def add(session: Session, source: str, more: Days, known: Days, reason: str, now_ms: int) -> Totals:
    """Add the visits `more`, which are not empty, to those `known` of a source, in the session's transaction."""
    totals = add_to_total(session, [(visits, f"{reason}, {day}") for day, visits in more.items()], now_ms)
    replaced = [{"source": source, "day": day, "visits": known.get(day, 0) + visits} for day, visits in more.items()]
    session.execute(delete(ImportedDay).where(ImportedDay.source == source, ImportedDay.day.in_(more)))
    session.execute(insert(ImportedDay), replaced)
    return totals
