"""The rules of Health. Each rule looks at the facts and returns green, amber, red, or grey for no result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from koyjabo.base.core.installation import VERSION
from koyjabo.base.database.startup_queries import NEWEST_REVISION
from koyjabo.counting.outage import LATE_S
from koyjabo.people.mail.outbox_queries import Status
from koyjabo.reports.log.log import MAX_UNREAD
from koyjabo.upkeep.backups.backups import BackupState
from koyjabo.upkeep.health.findings import DANGER, GOOD, LEVELS, OFF, UNREAD, HealthCheck
from koyjabo.upkeep.health.system import Ready, SystemFacts
from koyjabo.upkeep.recounts.recounts import BEGUN

SLOW_MS = 100.0
"""A database or Redis that takes longer than this to respond is slow, ms. Pages and commits wait for it."""

BUSY_MS = 250.0
"""Event loop delay that people begin to notice, ms."""

FULL_BYTES, TIGHT_BYTES, TIGHT_SHARE = 200_000_000, 1_000_000_000, 0.05
"""Limits for free disk space, as bytes or a share: red below FULL_BYTES, amber below either of the others."""

CLOCK_OFF_MS, CLOCK_WRONG_MS = 2_000, 60_000
DAY_MS = 86_400_000
OLD_BACKUP_MS = 7 * DAY_MS
LATE_PROOF_MS = 36 * 3_600_000
"""Maximum age of the latest verified backup, ms: a day and a half."""

LATE_NIGHT_MS = 2 * DAY_MS
"""How long the nightly work may be overdue, ms."""

LATE_MAIL_MS = 900_000
FAILING_WEBHOOK_MS = 3_600_000


class Seen(NamedTuple):
    """The facts for all rules."""

    facts: SystemFacts
    ready: Mapping[str, Ready]  # the checks of /readyz, by name
    mail: Status | None  # None if the server sends no email
    has_countries: bool
    is_behind_local_proxy: bool  # `LocalProxy` warns
    backups: BackupState | None = None  # None if the server makes no backups itself


def checks(seen: Seen) -> list[HealthCheck]:
    """All checks, worst first."""
    return worst_first([rule(seen) for rule in RULES])


def checks_without_database(seen: Seen, is_remembered: bool) -> list[HealthCheck]:
    """All checks while the database cannot be read. Problems found in the last read are shown again, but nothing that
    needs the database is called good. Without `is_remembered`, `seen` has no facts from the database.
    """
    results = [rule(seen) for rule in RULES]
    for n, check in enumerate(results):
        if check.name in STORED and (check.level == GOOD or not is_remembered):
            results[n] = HealthCheck(check.name, OFF, UNREAD)
    return worst_first(results)


def worst_first(results: list[HealthCheck]) -> list[HealthCheck]:
    """Sort by level. Checks with the same level keep their order."""
    return sorted(results, key=lambda check: LEVELS.index(check.level), reverse=True)


def worst(results: list[HealthCheck]) -> str:
    """The overall level."""
    return max((check.level for check in results), key=LEVELS.index)


def _database(seen: Seen) -> HealthCheck:
    facts, ms = seen.facts, seen.facts.database_ms
    values = {"kind": facts.installation.kind, "ms": ms, "size": facts.database.bytes}
    if not seen.ready["database"].ok:
        return HealthCheck.of("database", "silent")
    if facts.unsaved is not None:  # reading is not enough; the check of visits shows the cause
        return HealthCheck.of("database", "unwritable", values)
    if facts.database.unsafe:
        return HealthCheck.of("database", "unsafe", {"settings": ", ".join(facts.database.unsafe)})
    if not facts.installation.survives_deploy:
        return HealthCheck.of("database", "ephemeral")
    if ms > SLOW_MS:
        return HealthCheck.of("database", "slow", values)
    return HealthCheck.of("database", "answers", values)


def _standby(seen: Seen) -> HealthCheck:
    standbys = seen.facts.database.standbys
    values = {"count": standbys.connected}
    if not standbys.connected:
        return HealthCheck.of("standby", "none")
    if standbys.synchronous:
        return HealthCheck.of("standby", "synchronous", values)
    return HealthCheck.of("standby", "unknown" if standbys.hidden else "asynchronous", values)


def _rollback(seen: Seen) -> HealthCheck:
    rollback = seen.facts.database.rollback
    if rollback is None:
        return HealthCheck.of("rollback", "never")
    if rollback.is_seen:
        return HealthCheck.of("rollback", "seen", {"at": rollback.at_ms})
    return HealthCheck.of("rollback", "lost", {"at": rollback.at_ms, "count": rollback.lost})


def _writer(seen: Seen) -> HealthCheck:
    unsaved = seen.facts.unsaved
    if unsaved is not None:
        values = {"since": unsaved.since_ms, "cause": unsaved.cause, "refused": unsaved.refused}
        code = "unsaved" if not unsaved.refused else "refusing" if unsaved.workers <= 1 else "refusing_at_most"
        return HealthCheck.of("writer", code, values)
    if not seen.ready["writer"].ok:
        return HealthCheck.of("writer", "late")
    return HealthCheck.of("writer", "saves", {"visits": seen.facts.database.visits})


def _redis(seen: Seen) -> HealthCheck:
    ms = seen.facts.redis_ms or 0.0
    if not seen.facts.installation.has_redis:
        return HealthCheck.of("redis", "unused")
    if seen.facts.redis_refusal:
        return HealthCheck.of("redis", "refused", {"error": seen.facts.redis_refusal})
    if _is_redis_silent(seen):
        return HealthCheck.of("redis", "silent")
    return HealthCheck.of("redis", "slow" if ms > SLOW_MS else "answers", {"ms": round(ms, 1)})


def _is_redis_silent(seen: Seen) -> bool:
    has_redis = seen.facts.installation.has_redis
    return has_redis and (seen.facts.redis_ms is None or not seen.ready["redis"].ok)


def _disk(seen: Seen) -> HealthCheck:
    disk = seen.facts.disk
    if disk is None:
        return HealthCheck.of("disk", "unknown")
    values = {"free": disk.free, "total": disk.total}
    if disk.is_low and seen.facts.installation.kind == "SQLite":
        return HealthCheck.of("disk", "refusing", values)
    if disk.free < FULL_BYTES:
        return HealthCheck.of("disk", "full", values)
    if disk.free < max(TIGHT_BYTES, TIGHT_SHARE * disk.total):
        return HealthCheck.of("disk", "tight", values)
    return HealthCheck.of("disk", "room", values)


def _clock(seen: Seen) -> HealthCheck:
    """Compare our clock with the database's; SQLite has none, so compare it with the newest commit, which cannot be in
    the future.
    """
    off_ms, ahead_ms = seen.facts.clock_off_ms, seen.facts.database.newest_commit_ms - seen.facts.now_ms
    if off_ms is not None and abs(off_ms) > CLOCK_OFF_MS:
        return _wrong_clock("off", abs(off_ms))
    if ahead_ms > CLOCK_OFF_MS:
        return _wrong_clock("behind", ahead_ms)
    if off_ms is None:
        return HealthCheck.of("clock", "alone")
    return HealthCheck.of("clock", "agrees", {"ms": abs(off_ms)})


def _wrong_clock(code: str, ms: int) -> HealthCheck:
    check = HealthCheck.of("clock", code, {"seconds": round(ms / 1000)})
    return check._replace(level=DANGER) if ms > CLOCK_WRONG_MS else check


def _proxies(seen: Seen) -> HealthCheck:
    if seen.is_behind_local_proxy:
        return HealthCheck.of("proxies", "hidden")
    return HealthCheck.of("proxies", "trusted", {"count": seen.facts.installation.trusted_proxies})


def _workers(seen: Seen) -> HealthCheck:
    workers, expected = seen.facts.workers, seen.facts.installation.workers
    slowest = max(workers, key=lambda worker: worker.lag_ms)
    values = {"count": len(workers), "wanted": expected, "ms": round(slowest.lag_ms), "worker": str(slowest.pid)}
    if not seen.ready["loop"].ok or slowest.lag_ms > LATE_S * 1000:
        return HealthCheck.of("workers", "late", values)
    if _is_redis_silent(seen) and expected > 1:  # each worker then only sees itself
        return HealthCheck.of("workers", "unseen", values)
    if len(workers) < expected:
        return HealthCheck.of("workers", "missing", values)
    if slowest.lag_ms > BUSY_MS:
        return HealthCheck.of("workers", "busy", values)
    return HealthCheck.of("workers", "live", values)


def _dropped(seen: Seen) -> HealthCheck:
    drops = [drop for worker in seen.facts.workers for drop in worker.drops]
    if not drops:
        return HealthCheck.of("dropped", "nothing")
    numbers: Counter[str] = Counter()
    for drop in drops:
        numbers[drop.kind] += drop.number
    values = {"since": min(drop.since_ms for drop in drops), "dropped": dict(numbers)}
    return HealthCheck.of("dropped", "some", values)


def _backups(seen: Seen) -> HealthCheck:
    """Red after a failure, until the next verified backup. Amber if none was verified for LATE_PROOF_MS, or since
    backups were turned on.
    """
    if seen.backups is None:
        return _manual_backups(seen)
    state, now_ms = seen.backups, seen.facts.now_ms
    proven, failed = state.proven, state.failed
    last = {"ago": proven.proven_ms, "counted": proven.total, "restored": proven.restored_total} if proven else {}
    if failed is not None:
        values = {"failed_at": failed.begun_ms, "error": failed.error or "", **last}
        return HealthCheck.of("backups", "failed" if proven else "failed_first", values)
    if proven is not None:
        is_late = now_ms - (proven.proven_ms or 0) > LATE_PROOF_MS
        return HealthCheck.of("backups", "late" if is_late else "proven", last)
    since_ms = state.on_since_ms or now_ms
    if now_ms - since_ms > LATE_PROOF_MS:
        return HealthCheck.of("backups", "unproven", {"at": since_ms})
    if state.running is not None:
        return HealthCheck.of("backups", "running")
    return HealthCheck.of("backups", "first", {"at": state.next_ms or now_ms})


def _manual_backups(seen: Seen) -> HealthCheck:
    """Judge backups made with `koyjabo backup`, from the audit log, if the server makes none itself."""
    backup, old_ms = seen.facts.database.backup, seen.facts.now_ms - OLD_BACKUP_MS
    if backup is None:
        has_old_visits = seen.facts.database.visits and seen.facts.database.oldest_visit_ms < old_ms
        return HealthCheck.of("backups", "unknown" if has_old_visits else "nothing")
    is_old = backup.at_ms < old_ms
    return HealthCheck.of("backups", "old" if is_old else "recent", {"at": backup.at_ms})


def _recount(seen: Seen) -> HealthCheck:
    running, last = seen.facts.recounts
    if running is not None:
        return HealthCheck.of("recount", "running")
    if last is None:
        return HealthCheck.of("recount", "never")
    values = {"at": last.at_ms}
    if last.action == BEGUN or "error" in last.details:
        return HealthCheck.of("recount", "interrupted", values)
    if not last.details["agrees"]:
        return HealthCheck.of("recount", "differs", {**values, "count": last.details["problem_count"]})
    if seen.facts.now_ms - last.at_ms > LATE_NIGHT_MS:
        return HealthCheck.of("recount", "late", values)
    return HealthCheck.of("recount", "agrees", {**values, "count": last.details["rows"]})


def _mails(seen: Seen) -> HealthCheck:
    mail = seen.mail
    if mail is None:
        return HealthCheck.of("mails", "off")
    if mail.failures:
        return HealthCheck.of("mails", "given_up", {"count": len(mail.failures)})
    if mail.oldest_ms is not None and seen.facts.now_ms - mail.oldest_ms > LATE_MAIL_MS:
        return HealthCheck.of("mails", "late", {"count": mail.waiting, "at": mail.oldest_ms})
    if mail.most is not None:
        return HealthCheck.of("mails", "used_up", {"count": mail.most})
    return HealthCheck.of("mails", "sent", {"count": mail.waiting})


def _version(seen: Seen) -> HealthCheck:
    values = {"version": VERSION, "schema": seen.facts.database.schema}
    is_newer = seen.facts.database.schema > NEWEST_REVISION
    return HealthCheck.of("version", "newer" if is_newer else "current", values)


def _retention(seen: Seen) -> HealthCheck:
    ended_ms, days = seen.facts.database.retention_ms, seen.facts.installation.retention_days
    if ended_ms is None:
        return HealthCheck.of("retention", "never", {"days": days})
    is_late = seen.facts.now_ms - ended_ms > LATE_NIGHT_MS
    return HealthCheck.of("retention", "late" if is_late else "ran", {"at": ended_ms, "days": days})


def _reports(seen: Seen) -> HealthCheck:
    """Reports return 503 while more than MAX_UNREAD visits have no block."""
    unread = seen.facts.database.unread
    return HealthCheck.of("reports", "late" if unread > MAX_UNREAD else "ready", {"count": unread})


def _webhooks(seen: Seen) -> HealthCheck:
    count, disabled, since_ms, dropped_ms, dropped_host = seen.facts.database.webhooks
    if dropped_ms is not None and seen.facts.now_ms - dropped_ms < DAY_MS:
        return HealthCheck.of("webhooks", "dropped", {"host": dropped_host, "at": dropped_ms})
    if disabled:
        return HealthCheck.of("webhooks", "disabled", {"count": disabled})
    if since_ms is not None and seen.facts.now_ms - since_ms > FAILING_WEBHOOK_MS:
        return HealthCheck.of("webhooks", "failing", {"at": since_ms})
    return HealthCheck.of("webhooks", "sent" if count else "none", {"count": count})


def _places(seen: Seen) -> HealthCheck:
    return HealthCheck.of("places", "known" if seen.has_countries else "missing")


RULES: tuple[Callable[[Seen], HealthCheck], ...] = (
    _writer,
    _database,
    _disk,
    _redis,
    _workers,
    _dropped,
    _rollback,
    _clock,
    _standby,
    _proxies,
    _backups,
    _recount,
    _retention,
    _reports,
    _mails,
    _webhooks,
    _places,
    _version,
)
"""All rules, the most harmful problems first. Checks with the same level are shown in this order."""

STORED = frozenset(
    ("standby", "rollback", "clock", "backups", "recount", "retention", "reports", "mails", "webhooks", "version")
)
"""Checks that need facts from the database."""
