"""What the end of a backup changes, in one transaction: its row, the audit log, an event for webhooks, and mails."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from koyjabo.audit.log import Actor
from koyjabo.counting.stats import base36
from koyjabo.mail.outbox import MailOutbox
from koyjabo.maintenance.backups import run_queries
from koyjabo.maintenance.backups.backup import BACKUP
from koyjabo.maintenance.backups.report import BackupReport
from koyjabo.maintenance.backups.run_queries import BackupRow
from koyjabo.maintenance.recount_job import ENDED, LEDGER, RecountEnd
from koyjabo.models import SITE
from koyjabo.webhooks import event_queries
from koyjabo.webhooks.queries import recipients

log = logging.getLogger(__name__)

KIND = "backup_failed"
"""The kind of the mail."""


class BackupOutcome(NamedTuple):
    """The last `report` about the backup of `row`, as of `by.at_ms`."""

    row: BackupRow
    report: BackupReport
    by: Actor
    mails: MailOutbox

    def store(self, session: Any) -> bool:
        """Returns False if another worker has ended it, which then stored its own outcome."""
        is_first = not run_queries.was_failing(session, self.row)
        if not run_queries.end(session, self.row, self.report, self.by.at_ms):
            return False
        if self.report.is_proven:
            self._record(session, "backup.verified", self._verified())
            details = {"rows": self.report.rows, "total": self.report.total, "proven": True}
            self.by.entry(BACKUP, LEDGER, **details).store(session)
        if self.report.recount is not None:
            entry = self.by.entry(ENDED, LEDGER, **self.report.recount, seconds=self._seconds())
            RecountEnd(entry, self.row.begun_ms).store(session)
        if not self.report.is_done:
            self._record(session, "backup.failed", {"step": self.report.step, "error": self.report.error})
            if is_first:
                self._tell(session)
        return True

    def log(self) -> None:
        """On the event loop, when it is stored."""
        name, step, seconds = self.row.name, self.report.step, self._seconds()
        if self.report.is_done:
            log.info("backup_proven name=%s bytes=%d seconds=%.1f", name, self.report.bytes, seconds)
        else:
            log.error("backup_failed name=%s step=%r error=%r", name, step, self.report.error)

    def _seconds(self) -> float:
        return (self.by.at_ms - self.row.begun_ms) / 1000

    def _verified(self) -> dict[str, Any]:
        report = self.report
        figures = {"bytes": report.bytes, "total": report.total, "epoch": base36(report.epoch or 0)}
        return {"name": self.row.name, **figures, "seconds": round(self._seconds(), 1)}

    def _record(self, session: Any, type: str, data: dict[str, Any]) -> None:
        event_queries.record(session, type, f"{type}:{self.row.name}", SITE, self.by.at_ms, data)

    def _tell(self, session: Any) -> None:
        """The admins, at the first failure: once until a backup is made without one."""
        data: dict[str, Any] = {"step": self.report.step, "error": self.report.error, "at_ms": self.by.at_ms}
        for to in recipients(session):
            letter = self.mails.letter(KIND, to.email, to.language, **data)
            if letter is not None:
                letter.store(session)
