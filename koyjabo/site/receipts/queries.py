"""Queries for changes to the site's total other than visits, and for how it was verified: the latest recount, and the
latest backup that was restored and recounted.
"""

from typing import NamedTuple

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from koyjabo.base.database.models import Counter
from koyjabo.base.models import SITE
from koyjabo.counting.models import Adjustment
from koyjabo.people.audit import queries as audit
from koyjabo.people.audit.queries import AuditRecord
from koyjabo.upkeep.backups import backup_queries
from koyjabo.upkeep.recounts.recounts import ENDED

MAX_RECORDS = 200
"""Maximum number of audit entries searched for the author of a total."""


class TotalChange(NamedTuple):
    kind: str  # one of ADJUSTMENTS
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
    records = audit.newest(session, ("total.set",), MAX_RECORDS)
    return {(record.at_ms, record.details["after"]): record for record in records}


RESTORED = "ledger.restore"
"""Audit log action for a restore. A restore ends with a recount that must find no problems."""

RECOUNTS = 10
"""Maximum number of audit entries searched for a finished recount."""


class LastRecount(NamedTuple):
    """The latest finished recount, from any source: the nightly recount, the panel, a command, or a backup."""

    at_ms: int
    errors: int


class VerifiedBackup(NamedTuple):
    at_ms: int
    total: int  # as it was counted in the restored copy


class Verification(NamedTuple):
    recounted: LastRecount | None = None
    backup: VerifiedBackup | None = None


def verification(session: Session) -> Verification:
    record, recounted = backup_queries.verified(session), _recounted(session)
    if record is None:
        return Verification(recounted)
    backup = VerifiedBackup(record.at_ms, record.details["total"])
    if recounted is None or recounted.at_ms < backup.at_ms:
        recounted = LastRecount(backup.at_ms, 0)
    return Verification(recounted, backup)


def _recounted(session: Session) -> LastRecount | None:
    for line in audit.newest(session, (ENDED, RESTORED), RECOUNTS):
        if line.action == RESTORED:
            return LastRecount(line.at_ms, 0)
        if "agrees" in line.details:
            return LastRecount(line.at_ms, line.details["problem_count"])
    return None
