"""Reads the records of backups: in the audit log, and in `nightly_work`."""

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from koyjabo.base.jobs.models import NightlyWork
from koyjabo.counting.models import Visit
from koyjabo.people.audit import queries as audit
from koyjabo.people.audit.models import AuditLine
from koyjabo.people.audit.queries import AuditRecord

BACKUP_WORK = "backups"
"""The row in `nightly_work`. Until the first night, its `seen_ms` is when backups were turned on."""

BACKUP_ACTION, FAILURE_ACTION, RESTORE_ACTION = "ledger.backup", "backup.failed", "ledger.restore"
"""Actions in the audit log. The details of a verified backup have `proven`. A restore ends with a recount that must
find no problems.
"""

MAX_BACKUP_RECORDS = 100
"""How many records of the audit log are searched for a verified backup."""

INSERT_WORK = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms, ended_ms) VALUES (:name, :day, '', :now_ms, :now_ms)
ON CONFLICT DO NOTHING
""")


def turn_on(session: Session, day: str, now_ms: int) -> None:
    """Record that backups are turned on, and that the backup of `day` is not needed. Idempotent."""
    session.execute(INSERT_WORK, {"name": BACKUP_WORK, "day": day, "now_ms": now_ms})


def on_since_ms(session: Session) -> int | None:
    return session.scalar(select(NightlyWork.seen_ms).where(NightlyWork.name == BACKUP_WORK))


def last(session: Session) -> AuditRecord | None:
    """The record of the latest backup."""
    return next(iter(audit.newest(session, (BACKUP_ACTION,), 1)), None)


def last_and_oldest_visit(session: Session) -> tuple[AuditRecord | None, int | None]:
    """The record of the latest backup, and the time of the oldest visit (ms, UTC); None without visits."""
    return last(session), session.scalar(select(Visit.at_ms).order_by(Visit.id).limit(1))


def known_backups(session: Session) -> set[object]:
    """What the audit log has of backups that were made of this database or restored into it: the total and the number
    of rows of the former, and the time of the latter as ISO 8601.
    """
    records = audit.newest(session, (BACKUP_ACTION, RESTORE_ACTION), MAX_BACKUP_RECORDS)
    details = [record.details for record in records]
    return {detail.get("made_at") or (detail.get("total"), detail.get("rows")) for detail in details}


def verified(session: Session) -> AuditRecord | None:
    """The record of the latest verified backup."""
    records = audit.newest(session, (BACKUP_ACTION,), MAX_BACKUP_RECORDS)
    return next((record for record in records if "proven" in record.details), None)


def failures(session: Session, after: int = 0) -> tuple[AuditRecord, ...]:
    """The latest failures with larger ids than `after`, newest first."""
    return audit.newest(session, (FAILURE_ACTION,), MAX_BACKUP_RECORDS, after)


def failure_count(session: Session) -> int:
    """How many failures the audit log has."""
    return session.scalar(select(func.count()).where(AuditLine.action == FAILURE_ACTION)) or 0
