"""Reads the changes of the site's total that no visit made. Operations of the database executor."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import case, func, select, true
from sqlalchemy.orm import Session

from koyjabo.audit import queries as audit
from koyjabo.audit.queries import AuditRecord, Selection
from koyjabo.models import SITE, Adjustment, Counter
from koyjabo.models.ledger import IMPORTED

MOST_RECORDS = 200
"""How far back the audit log is searched for who has set a total, and who has imported visits."""


class TotalChange(NamedTuple):
    """An adjustment, or all those of one import of sums by day."""

    kind: str  # one of ADJUSTMENTS
    at_ms: int
    after_visit: int  # the newest visits.id at that time
    amount: int  # not 0; negative where the total was lowered
    reason: str


class TotalHistory(NamedTuple):
    """All changes, in their order, and the counter at the same moment."""

    epoch: int
    visits: int
    total: int
    changes: tuple[TotalChange, ...]


def history(session: Session) -> TotalHistory:
    """In one statement, which is one snapshot on both kinds of database. Reads no visits."""
    difference = Adjustment.total_after - Adjustment.total_before
    alone = case((Adjustment.kind == IMPORTED, 0), else_=Adjustment.id)  # an import makes one for each of its days
    changes = (
        select(
            *(Adjustment.kind, Adjustment.at_ms, Adjustment.after_visit),
            func.sum(difference).label("amount"),
            func.min(Adjustment.reason).label("reason"),
            func.max(Adjustment.id).label("newest"),
        )
        .where(Adjustment.scope == SITE, difference != 0)
        .group_by(Adjustment.kind, Adjustment.at_ms, Adjustment.after_visit, alone)
        .subquery()
    )
    counter = select(Counter.epoch, Counter.visits, Counter.total, changes).outerjoin(changes, true())
    ordered = counter.where(Counter.scope == SITE).order_by(changes.c.after_visit, changes.c.newest)
    rows = session.execute(ordered).all()
    entries = (
        TotalChange(row.kind, row.at_ms, row.after_visit, int(row.amount), _cause(row.kind, row.reason))
        for row in rows
        if row.newest
    )
    return TotalHistory(rows[0].epoch, rows[0].visits, rows[0].total, tuple(entries))


def _cause(kind: str, reason: str) -> str:
    """Without the day with which the reason of an imported one ends."""
    return reason.rpartition(", ")[0] or reason if kind == IMPORTED else reason


def imports(session: Session) -> list[AuditRecord]:
    """The imports of visits that added any, the oldest first, as far as the audit log still has them."""
    records = audit.newest(session, Selection(actions=("visits.import",)), MOST_RECORDS)
    return [record for record in reversed(records) if record.details["new"]]


def authors(session: Session) -> dict[tuple[int, int], AuditRecord]:
    """Who has set a total, by the moment and that total, as far as the audit log still has it."""
    records = audit.newest(session, Selection(actions=("total.set",)), MOST_RECORDS)
    return {(record.at_ms, record.details["after"]): record for record in records}
