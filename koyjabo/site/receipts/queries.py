"""Queries for changes to the site's total other than visits."""

from typing import NamedTuple

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from koyjabo.base.database.models import Counter
from koyjabo.base.models import SITE
from koyjabo.counting.models import Adjustment
from koyjabo.people.audit import queries as audit
from koyjabo.people.audit.queries import AuditRecord

MAX_AUTHOR_RECORDS = 200
"""Maximum number of audit entries searched for the author of a total."""


class TotalChange(NamedTuple):
    kind: str  # one of ADJUSTMENT_KINDS
    at_ms: int
    after_visit: int  # the highest visits.id at that time
    amount: int  # not 0; negative if the total was lowered
    reason: str


class TotalHistory(NamedTuple):
    """All changes in order, and the counter at the same moment."""

    epoch: int
    visits: int
    total: int
    changes: tuple[TotalChange, ...]


def history(session: Session) -> TotalHistory:
    """Read everything in one statement, which is one snapshot on both databases. Reads no visits."""
    difference = Adjustment.total_after - Adjustment.total_before
    change = (Adjustment.kind, Adjustment.at_ms, Adjustment.after_visit, difference, Adjustment.reason)
    same_site = and_(Adjustment.scope == SITE, difference != 0)
    counter = select(Counter.epoch, Counter.visits, Counter.total, *change).outerjoin(Adjustment, same_site)
    ordered = counter.where(Counter.scope == SITE).order_by(Adjustment.after_visit, Adjustment.id)
    rows = session.execute(ordered).all()
    changes = tuple(TotalChange(*row[3:]) for row in rows if row.kind)
    return TotalHistory(rows[0].epoch, rows[0].visits, rows[0].total, changes)


def authors(session: Session) -> dict[tuple[int, int], AuditRecord]:
    """The author of each total, by time and total, if the audit log still has them."""
    records = audit.newest(session, ("total.set",), MAX_AUTHOR_RECORDS)
    return {(record.at_ms, record.details["after"]): record for record in records}
