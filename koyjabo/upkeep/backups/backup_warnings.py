"""The warnings about backups."""

from koyjabo.base.core.i18n import N_
from koyjabo.base.observability.health_warning import DANGER, HealthWarning, PageLink
from koyjabo.people.audit.queries import AuditRecord
from koyjabo.web.current import current
from koyjabo.web.panel.pages import me
from .backups import Backups, BackupState

OLD_BACKUP_MS = 7 * 86_400_000
LATE_PROOF_MS = 36 * 3_600_000
"""Maximum age of the latest verified backup, ms: a day and a half."""

BACKUP_RANK = 1
SEE_LOG = N_("The log says why. %(backups)s has a button that makes one now.")
SEE_CAUSE = N_("Fix the cause, then press Back up now: %(backups)s")
RUN_COMMAND = N_("Run this command as root: %(error)s")
TURN_BACKUPS_ON = N_("%(turn_on)s: the server then makes a backup every night and verifies it.")
BACKUPS_SECTION = "a-backup-fails-backup_failed"
BACKUP_LINKS = {
    "backups": PageLink(N_("Backups"), "backups"),
    "turn_on": PageLink(N_("Turn on nightly backups"), "backups", edits=True),
}


def warning() -> HealthWarning | None:
    """Raises LedgerUnavailable."""
    backups, now_ms = current()[Backups], current().clock.system_ms()
    return judge(backups.state(me()), now_ms) if backups.is_on else judge_manual(*backups.manual(), now_ms)


def ready_warning() -> str | None:
    return current()[Backups].warning


def judge(state: BackupState, now_ms: int) -> HealthWarning | None:
    """Red after a failure, until the next verified backup. Amber if none was verified for LATE_PROOF_MS, or since
    backups were turned on.
    """
    verified, failed = state.verified, state.failed
    last = {"ago": verified.made_ms, "counted": verified.total, "restored": verified.total} if verified else {}
    if failed is not None:
        values = {"failed_at": failed.at_ms, "error": failed.error, **last}
        sentence = N_("The backup of %(failed_at)s failed. %(error)s No backup is verified yet.")
        if verified:
            sentence = N_(
                "The backup of %(failed_at)s failed. %(error)s The last verified one was restored %(ago)s: "
                "%(counted)s = %(restored)s."
            )
        return HealthWarning(
            "backups", sentence, SEE_CAUSE, BACKUPS_SECTION, values, DANGER, rank=BACKUP_RANK, links=BACKUP_LINKS
        )
    if state.remedy:
        values = {"error": state.remedy, **last}
        sentence = N_("The server cannot read some backups, because another user made them.")
        return HealthWarning("backups", sentence, RUN_COMMAND, BACKUPS_SECTION, values, rank=BACKUP_RANK)
    if verified is not None:
        if now_ms - verified.made_ms <= LATE_PROOF_MS:
            return None
        sentence = N_(
            "No backup has been verified for 36 hours. The last one was restored %(ago)s: %(counted)s = %(restored)s."
        )
        return HealthWarning("backups", sentence, SEE_LOG, BACKUPS_SECTION, last, rank=BACKUP_RANK, links=BACKUP_LINKS)
    since_ms = state.on_since_ms or now_ms
    if state.is_running or now_ms - since_ms <= LATE_PROOF_MS:
        return None
    sentence = N_("No backup has been verified since backups were turned on (%(at)s).")
    return HealthWarning(
        "backups", sentence, SEE_LOG, BACKUPS_SECTION, {"at": since_ms}, rank=BACKUP_RANK, links=BACKUP_LINKS
    )


def judge_manual(backup: AuditRecord | None, oldest_visit_ms: int | None, now_ms: int) -> HealthWarning | None:
    """Judge the latest backup made with `koyjabo backup`, if the server makes none itself."""
    old_ms = now_ms - OLD_BACKUP_MS
    if backup is None:
        if oldest_visit_ms is None or oldest_visit_ms >= old_ms:
            return None
        return HealthWarning(
            "backups", N_("No backup yet."), TURN_BACKUPS_ON, BACKUPS_SECTION, rank=BACKUP_RANK, links=BACKUP_LINKS
        )
    if backup.at_ms >= old_ms:
        return None
    sentence = N_("The last backup was made on %(at)s, more than a week ago.")
    return HealthWarning(
        "backups",
        sentence,
        TURN_BACKUPS_ON,
        BACKUPS_SECTION,
        {"at": backup.at_ms},
        rank=BACKUP_RANK,
        links=BACKUP_LINKS,
    )


BACKUP_WARNINGS = {"backups": warning}
BACKUP_READY_WARNINGS = {"backups": ready_warning}
