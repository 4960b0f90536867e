"""Queries for how the total was verified: the latest recount, and the latest backup that was restored and recounted."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from koyjabo.audit import queries as audit
from koyjabo.models import Backup
from koyjabo.recounts.recounts import ENDED

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
    # The newest by id, not by time: otherwise, a backup made with a wrong clock would remain the latest.
    newest = select(Backup).where(Backup.proven_ms.is_not(None)).order_by(Backup.id.desc()).limit(1)
    row, recounted = session.scalar(newest), _recounted(session)
    if row is None:
        return Verification(recounted)
    backup = VerifiedBackup(row.proven_ms or 0, row.restored_total or 0)
    if recounted is None or recounted.at_ms < backup.at_ms:
        recounted = LastRecount(backup.at_ms, 0)
    return Verification(recounted, backup)


def _recounted(session: Session) -> LastRecount | None:
    for line in audit.newest(session, audit.Selection(actions=(ENDED, RESTORED)), RECOUNTS):
        if line.action == RESTORED:
            return LastRecount(line.at_ms, 0)
        if "agrees" in line.details:
            return LastRecount(line.at_ms, line.details["problem_count"])
    return None
