"""The rules of Health. Each rule looks at the facts and returns green, amber, red, or grey for no result."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from koyjabo.base.core.installation import VERSION
from koyjabo.base.database.startup_queries import NEWEST_REVISION
from koyjabo.counting.ledger import LATE_S
from koyjabo.reports.log.log import MAX_UNREAD
from koyjabo.upkeep.recounts.recounts import BEGUN
from .findings import DANGER, FINDINGS, GOOD, LEVELS, OFF, UNREAD, HealthCheck
from .system import SystemFacts

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

Result = tuple[str, dict[str, Any]]
"""The code of a finding, and its values. They may have a `level` that replaces the finding's."""


def checks(facts: SystemFacts) -> list[HealthCheck]:
    """All checks, worst first."""
    return worst_first([_check(name, facts) for name in RULES])


def checks_without_database(facts: SystemFacts, is_remembered: bool) -> list[HealthCheck]:
    """All checks while the database cannot be read. Problems found in the last read are shown again, but nothing that
    needs the database is called good. Without `is_remembered`, there are no facts from the database.
    """
    results = [_check(name, facts) for name in RULES]
    for n, check in enumerate(results):
        if check.name in STORED and (check.level == GOOD or not is_remembered):
            results[n] = HealthCheck(check.name, OFF, UNREAD)
    return worst_first(results)


def _check(name: str, facts: SystemFacts) -> HealthCheck:
    code, values = RULES[name](facts)
    return HealthCheck(name, values.pop("level", FINDINGS[f"{name}.{code}"].level), code, values)


def worst_first(results: list[HealthCheck]) -> list[HealthCheck]:
    """Sort by level. Checks with the same level keep their order."""
    return sorted(results, key=lambda check: LEVELS.index(check.level), reverse=True)


def worst(results: list[HealthCheck]) -> str:
    """The overall level."""
    return max((check.level for check in results), key=LEVELS.index)


def database(facts: SystemFacts) -> Result:
    ms = facts.database_ms
    values = {"kind": facts.installation.kind, "ms": ms, "size": facts.database.bytes}
    if not facts.ready["database"].ok:
        return "silent", {}
    if facts.unsaved is not None:  # reading is not enough; the check of visits shows the cause
        return "unwritable", values
    if facts.database.unsafe:
        return "unsafe", {"settings": ", ".join(facts.database.unsafe)}
    if not facts.installation.survives_deploy:
        return "ephemeral", {}
    if ms > SLOW_MS:
        return "slow", values
    return "answers", values


def standby(facts: SystemFacts) -> Result:
    standbys = facts.database.standbys
    values = {"count": standbys.connected}
    if not standbys.connected:
        return "none", {}
    if standbys.synchronous:
        return "synchronous", values
    return "unknown" if standbys.hidden else "asynchronous", values


def rollback(facts: SystemFacts) -> Result:
    rollback = facts.database.rollback
    if rollback is None:
        return "never", {}
    if rollback.is_seen:
        return "seen", {"at": rollback.at_ms}
    return "lost", {"at": rollback.at_ms, "count": rollback.lost}


def writer(facts: SystemFacts) -> Result:
    unsaved = facts.unsaved
    if unsaved is not None:
        values = {"since": unsaved.since_ms, "cause": unsaved.cause, "refused": unsaved.refused}
        if not unsaved.refused:
            return "unsaved", values
        return "refusing" if unsaved.workers <= 1 else "refusing_at_most", values
    if not facts.ready["writer"].ok:
        return "late", {}
    return "saves", {"visits": facts.database.visits}


def redis(facts: SystemFacts) -> Result:
    ms = facts.redis_ms or 0.0
    if not facts.installation.has_redis:
        return "unused", {}
    if facts.redis_refusal:
        return "refused", {"error": facts.redis_refusal}
    if _is_redis_silent(facts):
        return "silent", {}
    return "slow" if ms > SLOW_MS else "answers", {"ms": round(ms, 1)}


def _is_redis_silent(facts: SystemFacts) -> bool:
    has_redis = facts.installation.has_redis
    return has_redis and (facts.redis_ms is None or not facts.ready["redis"].ok)


def disk(facts: SystemFacts) -> Result:
    disk = facts.disk
    if disk is None:
        return "unknown", {}
    values = {"free": disk.free, "total": disk.total}
    if disk.is_low and facts.installation.kind == "SQLite":
        return "refusing", values
    if disk.free < FULL_BYTES:
        return "full", values
    if disk.free < max(TIGHT_BYTES, TIGHT_SHARE * disk.total):
        return "tight", values
    return "room", values


def clock(facts: SystemFacts) -> Result:
    """Compare our clock with the database's; SQLite has none, so compare it with the newest commit, which cannot be in
    the future.
    """
    off_ms, ahead_ms = facts.clock_off_ms, facts.database.newest_commit_ms - facts.now_ms
    if off_ms is not None and abs(off_ms) > CLOCK_OFF_MS:
        return "off", _wrong_clock(abs(off_ms))
    if ahead_ms > CLOCK_OFF_MS:
        return "behind", _wrong_clock(ahead_ms)
    if off_ms is None:
        return "alone", {}
    return "agrees", {"ms": abs(off_ms)}


def _wrong_clock(ms: int) -> dict[str, Any]:
    return {"seconds": round(ms / 1000), **({"level": DANGER} if ms > CLOCK_WRONG_MS else {})}


def proxies(facts: SystemFacts) -> Result:
    if facts.is_behind_local_proxy:
        return "hidden", {}
    return "trusted", {"count": facts.installation.trusted_proxies}


def workers(facts: SystemFacts) -> Result:
    workers, expected = facts.workers, facts.installation.workers
    slowest = max(workers, key=lambda worker: worker.lag_ms)
    values = {"count": len(workers), "wanted": expected, "ms": round(slowest.lag_ms), "worker": str(slowest.pid)}
    if not facts.ready["loop"].ok or slowest.lag_ms > LATE_S * 1000:
        return "late", values
    if _is_redis_silent(facts) and expected > 1:  # each worker then only sees itself
        return "unseen", values
    if len(workers) < expected:
        return "missing", values
    if slowest.lag_ms > BUSY_MS:
        return "busy", values
    return "live", values


def dropped(facts: SystemFacts) -> Result:
    drops = [drop for worker in facts.workers for drop in worker.drops]
    if not drops:
        return "nothing", {}
    numbers: Counter[str] = Counter()
    for drop in drops:
        numbers[drop.kind] += drop.number
    values = {"since": min(drop.since_ms for drop in drops), "dropped": dict(numbers)}
    return "some", values


def backups(facts: SystemFacts) -> Result:
    """Red after a failure, until the next verified backup. Amber if none was verified for LATE_PROOF_MS, or since
    backups were turned on.
    """
    if facts.backups is None:
        return _manual_backups(facts)
    state, now_ms = facts.backups, facts.now_ms
    proven, failed = state.proven, state.failed
    last = {"ago": proven.made_ms, "counted": proven.total, "restored": proven.total} if proven else {}
    if failed is not None:
        values = {"failed_at": failed.at_ms, "error": failed.error, **last}
        return "failed" if proven else "failed_first", values
    if proven is not None:
        is_late = now_ms - proven.made_ms > LATE_PROOF_MS
        return "late" if is_late else "proven", last
    if state.is_running:
        return "running", {}
    since_ms = state.on_since_ms or now_ms
    if now_ms - since_ms > LATE_PROOF_MS:
        return "unproven", {"at": since_ms}
    return "first", {"at": state.next_ms or now_ms}


def _manual_backups(facts: SystemFacts) -> Result:
    """Judge backups made with `koyjabo backup`, from the audit log, if the server makes none itself."""
    backup, old_ms = facts.database.backup, facts.now_ms - OLD_BACKUP_MS
    if backup is None:
        has_old_visits = facts.database.visits and facts.database.oldest_visit_ms < old_ms
        return "unknown" if has_old_visits else "nothing", {}
    is_old = backup.at_ms < old_ms
    return "old" if is_old else "recent", {"at": backup.at_ms}


def recount(facts: SystemFacts) -> Result:
    running, last = facts.recounts
    if running is not None:
        return "running", {}
    if last is None:
        return "never", {}
    values = {"at": last.at_ms}
    if last.action == BEGUN or "error" in last.details:
        return "interrupted", values
    if not last.details["agrees"]:
        return "differs", {**values, "count": last.details["problem_count"]}
    if facts.now_ms - last.at_ms > LATE_NIGHT_MS:
        return "late", values
    return "agrees", {**values, "count": last.details["rows"]}


def mails(facts: SystemFacts) -> Result:
    mail = facts.mail
    if mail is None:
        return "off", {}
    if mail.failed_test_ms is not None:
        return "refused", {"at": mail.failed_test_ms}
    if mail.failures:
        return "given_up", {"count": len(mail.failures)}
    if mail.oldest_ms is not None and facts.now_ms - mail.oldest_ms > LATE_MAIL_MS:
        return "late", {"count": mail.waiting, "at": mail.oldest_ms}
    if mail.most is not None:
        return "used_up", {"count": mail.most}
    return "sent", {"count": mail.waiting}


def version(facts: SystemFacts) -> Result:
    values = {"version": VERSION, "schema": facts.database.schema}
    is_newer = facts.database.schema > NEWEST_REVISION
    return "newer" if is_newer else "current", values


def retention(facts: SystemFacts) -> Result:
    ended_ms, days = facts.database.retention_ms, facts.installation.retention_days
    if ended_ms is None:
        return "never", {"days": days}
    is_late = facts.now_ms - ended_ms > LATE_NIGHT_MS
    return "late" if is_late else "ran", {"at": ended_ms, "days": days}


def reports(facts: SystemFacts) -> Result:
    """Reports return 503 while more than MAX_UNREAD visits have no block."""
    unread = facts.database.unread
    return "late" if unread > MAX_UNREAD else "ready", {"count": unread}


def places(facts: SystemFacts) -> Result:
    return "known" if facts.has_countries else "missing", {}


RULES: dict[str, Callable[[SystemFacts], Result]] = {
    rule.__name__: rule
    for rule in (
        writer,
        database,
        disk,
        redis,
        workers,
        dropped,
        rollback,
        clock,
        standby,
        proxies,
        backups,
        recount,
        retention,
        reports,
        mails,
        places,
        version,
    )
}
"""All rules, the most harmful problems first. Checks with the same level are shown in this order."""

STORED = frozenset(("standby", "rollback", "clock", "backups", "recount", "retention", "reports", "mails", "version"))
"""Checks that need facts from the database."""
