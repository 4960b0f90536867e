"""Queries for how the total was verified: the latest recount, and the latest backup that was restored and recounted."""

from typing import NamedTuple

from sqlalchemy.orm import Session

from koyjabo.people.audit import queries as audit
from koyjabo.upkeep import backup_record_queries
from koyjabo.upkeep.backup_record_queries import RESTORE_ACTION
from koyjabo.upkeep.recounts.recounts import RECOUNT_ENDED

MAX_RECOUNT_RECORDS = 10
"""Maximum number of audit entries searched for a finished recount."""


class LastRecount(NamedTuple):
    """The latest finished recount, from any source: the nightly recount, the panel, a command, or a backup."""

    at_ms: int
    errors: int
    visits: int | None = None  # how many it counted; None for a backup or restore


class VerifiedBackup(NamedTuple):
    at_ms: int
    total: int  # as it was counted in the restored copy


class Verification(NamedTuple):
    recounted: LastRecount | None = None
    backup: VerifiedBackup | None = None


def verification(session: Session) -> Verification:
    recounted, verified = _recounted(session), backup_record_queries.verified(session)
    records = (*audit.newest(session, (RESTORE_ACTION,), 1), *([verified] if verified else []))
    if not records:
        return Verification(recounted)
    record = max(records, key=lambda record: record.at_ms)
    backup = VerifiedBackup(record.at_ms, record.details["total"])
    if recounted is None or recounted.at_ms < backup.at_ms:
        recounted = LastRecount(backup.at_ms, 0)
    return Verification(recounted, backup)


def _recounted(session: Session) -> LastRecount | None:
    for line in audit.newest(session, (RECOUNT_ENDED, RESTORE_ACTION), MAX_RECOUNT_RECORDS):
        if line.action == RESTORE_ACTION:
            return LastRecount(line.at_ms, 0)
        if "agrees" in line.details:
            return LastRecount(line.at_ms, line.details["problem_count"], line.details["rows"])
    return None
