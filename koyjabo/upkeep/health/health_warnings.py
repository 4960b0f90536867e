"""The warnings on the page Server. Each rule looks at the facts and returns a warning if an operator should act."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.installation import VERSION
from koyjabo.base.database.revisions import NEWEST_REVISION
from koyjabo.upkeep.recounts.recounts import RECOUNT_BEGUN
from .causes import CAUSE_SENTENCES, UNKNOWN_CAUSE, cause_of_silence
from .facts import SystemFacts

WARNING, DANGER = "warning", "danger"
"""Amber and red."""

BUSY_LOOP_MS = 250.0
"""Event loop delay that people begin to notice, ms."""

FULL_DISK_BYTES, TIGHT_DISK_BYTES, TIGHT_DISK_SHARE = 200_000_000, 1_000_000_000, 0.05
"""Limits for free disk space, as bytes or a share: red below FULL_DISK_BYTES, amber below either of the others."""

CLOCK_OFF_MS, CLOCK_WRONG_MS = 2_000, 60_000
OLD_BACKUP_MS = 7 * 86_400_000
LATE_PROOF_MS = 36 * 3_600_000
"""Maximum age of the latest verified backup, ms: a day and a half."""

LATE_NIGHT_MS = 2 * 86_400_000
"""How long the nightly work may be overdue, ms."""

LATE_MAIL_MS = 900_000


SEE_LOG = N_("The log says why. %(backups)s has a button that makes one now.")
SEE_CAUSE = N_("Fix the cause, then press Back up now: %(backups)s")
TURN_BACKUPS_ON = N_("%(turn_on)s: the server then makes a backup every night and verifies it.")
BACKUPS_SECTION = "a-backup-fails-backup_failed"


class HealthWarning(NamedTuple):
    """What is wrong, and what to do. Pages translate the texts and fill in `values`."""

    name: str  # a group of settings on the page Server, if it is about one
    sentence: str
    advice: str
    section: str  # of docs/troubleshooting.md
    values: Mapping[str, object] = MappingProxyType({})
    level: str = WARNING
    cause: str = ""  # one more sentence


def warnings(facts: SystemFacts) -> list[HealthWarning]:
    """All warnings, worst first."""
    unsorted = [warning for rule in WARNING_RULES if (warning := rule(facts))]
    return sorted(unsorted, key=lambda warning: warning.level == WARNING)


def writer(facts: SystemFacts) -> HealthWarning | None:
    unsaved = facts.unsaved
    if unsaved is None:
        if facts.ready["writer"].ok:
            return None
        late = N_("A visit has waited too long to be saved, or could not be saved.")
        return HealthWarning("writer", late, UNKNOWN_CAUSE.advice, UNKNOWN_CAUSE.section, level=DANGER)
    sentence = N_("Visits have not been saved since %(since)s. Open pages keep them and send them again.")
    cause = CAUSE_SENTENCES.get(unsaved.cause, UNKNOWN_CAUSE)
    values = {"since": unsaved.since_ms}
    return HealthWarning("writer", sentence, cause.advice, cause.section, values, DANGER, cause.sentence)


def database(facts: SystemFacts) -> HealthWarning | None:
    if not facts.ready["database"].ok:
        return HealthWarning("database", *cause_of_silence(), level=DANGER)
    if unsafe := facts.stored.database.unsafe:
        return HealthWarning(
            "database",
            N_("A crash of the database's machine can lose saved visits, because of its settings: %(settings)s"),
            N_("Turn these settings on in postgresql.conf, then restart PostgreSQL."),
            "a-failover-lost-visits-or-could",
            {"settings": ", ".join(unsafe)},
        )
    if not facts.survives_deploy:
        return HealthWarning(
            "database",
            N_("The next deploy will delete the database file."),
            N_("Set DATABASE_URL, or put the file on a persistent disk."),
            "the-server-does-not-start",
        )
    return None


def disk(facts: SystemFacts) -> HealthWarning | None:
    disk = facts.disk
    if disk is None or disk.free >= max(TIGHT_DISK_BYTES, TIGHT_DISK_SHARE * disk.total):
        return None
    sentence, level = N_("Only %(free)s of %(total)s are free."), WARNING
    if disk.is_low and facts.is_sqlite:
        level = DANGER
        sentence = N_(
            "Only %(free)s of %(total)s are free. Visits are still counted; page views and events are refused."
        )
    elif disk.free < FULL_DISK_BYTES:
        level = DANGER
        sentence = N_("Only %(free)s of %(total)s are free. Visits cannot be saved once the disk is full.")
    values = {"free": disk.free, "total": disk.total}
    return HealthWarning(
        "disk", sentence, CAUSE_SENTENCES["full"].advice, CAUSE_SENTENCES["full"].section, values, level
    )


def redis(facts: SystemFacts) -> HealthWarning | None:
    if facts.redis_refusal:
        return HealthWarning(
            "redis",
            N_("Redis refuses this server: %(error)s"),
            N_("Check the user and password in REDIS_URL, and the rights of that user. Visits are still counted."),
            "redis-refuses-the-server-redis_refused",
            {"error": facts.redis_refusal},
            DANGER,
        )
    if _is_redis_silent(facts):
        return HealthWarning(
            "redis",
            N_("Redis does not respond."),
            N_("Check that Redis runs and that REDIS_URL is right. Visits are still counted."),
            "redis-is-down-redis_unreachable",
            level=DANGER,
        )
    return None


def _is_redis_silent(facts: SystemFacts) -> bool:
    return "redis" in facts.ready and not facts.ready["redis"].ok


def workers(facts: SystemFacts) -> HealthWarning | None:
    lag_ms = max(worker.lag_ms for worker in facts.workers)
    is_late = not facts.ready["loop"].ok
    if is_late or lag_ms > BUSY_LOOP_MS:
        return HealthWarning(
            "workers",
            N_("A worker is %(ms)s ms behind; pages update late."),
            N_("If this continues, raise WEB_CONCURRENCY, or use a machine with more cores."),
            "the-server-is-slow",
            {"ms": round(lag_ms)},
            DANGER if is_late else WARNING,
        )
    running, expected = len(facts.workers), facts.expected_workers
    if running < expected and not _is_redis_silent(facts):  # without Redis, each worker only sees itself
        return HealthWarning(
            "workers",
            N_("Workers running: %(count)s of %(wanted)s."),
            N_("A worker that stops is replaced within seconds. If this continues, see the log."),
            "a-worker-dies-again-and-again-worker_died",
            {"count": running, "wanted": expected},
        )
    return None


def rollback(facts: SystemFacts) -> HealthWarning | None:
    rollback = facts.stored.database.rollback
    if rollback is None:
        return None
    return HealthWarning(
        "rollback",
        N_("The database was rolled back on %(at)s. Acknowledged visits lost: %(count)s"),
        N_("docs/failover.md#what-may-be-lost explains how visits can be lost, and what to set so that none are."),
        "a-failover-lost-visits-or-could",
        {"at": rollback.at_ms, "count": rollback.lost},
        DANGER,
    )


def clock(facts: SystemFacts) -> HealthWarning | None:
    """Compare our clock with the database's; SQLite has none, so compare it with the newest visit, which cannot be in
    the future.
    """
    off_ms = abs(facts.stored.clock_off_ms)
    sentence = N_("The clocks of this machine and of the database differ by %(seconds)s s.")
    advice = N_("Set both machines' clocks from the network (NTP).")
    if off_ms <= CLOCK_OFF_MS:
        off_ms = facts.stored.database.newest_visit_ms - facts.now_ms
        sentence = N_("The newest visit is %(seconds)s s in the future: the clock was ahead then, or is behind now.")
        advice = N_("Set the machine's clock from the network (NTP).")
    if off_ms <= CLOCK_OFF_MS:
        return None
    level = DANGER if off_ms > CLOCK_WRONG_MS else WARNING
    return HealthWarning("clock", sentence, advice, "a-clock-is-wrong", {"seconds": round(off_ms / 1000)}, level)


def standby(facts: SystemFacts) -> HealthWarning | None:
    standbys = facts.stored.database.standbys
    if not standbys.connected or standbys.synchronous:
        return None
    sentence = N_("A failover may lose acknowledged visits: no standby is synchronous. Connected: %(count)s")
    advice = N_("Set synchronous_standby_names in PostgreSQL; docs/failover.md#what-may-be-lost says how.")
    if standbys.hidden:
        sentence = N_("Whether a standby is synchronous is unknown. Connected standbys: %(count)s")
        advice = N_("Grant pg_read_all_stats to the role in DATABASE_URL, so that the server can see it.")
    section = "a-failover-lost-visits-or-could"
    return HealthWarning("standby", sentence, advice, section, {"count": standbys.connected})


def proxies(facts: SystemFacts) -> HealthWarning | None:
    if not facts.proxy_address:
        return None
    return HealthWarning(
        "proxies",
        N_("All visitors seem to come from %(address)s: set TRUSTED_PROXIES"),
        N_("Set TRUSTED_PROXIES to the number next to your own address."),
        "requests-get-429",
        {"address": facts.proxy_address},
    )


def backups(facts: SystemFacts) -> HealthWarning | None:
    """Red after a failure, until the next verified backup. Amber if none was verified for LATE_PROOF_MS, or since
    backups were turned on.
    """
    state, now_ms = facts.stored.backups, facts.now_ms
    if state is None:
        return _manual_backups(facts)
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
        return HealthWarning("backups", sentence, SEE_CAUSE, BACKUPS_SECTION, values, DANGER)
    if verified is not None:
        if now_ms - verified.made_ms <= LATE_PROOF_MS:
            return None
        sentence = N_(
            "No backup has been verified for 36 hours. The last one was restored %(ago)s: %(counted)s = %(restored)s."
        )
        return HealthWarning("backups", sentence, SEE_LOG, BACKUPS_SECTION, last)
    since_ms = state.on_since_ms or now_ms
    if state.is_running or now_ms - since_ms <= LATE_PROOF_MS:
        return None
    sentence = N_("No backup has been verified since backups were turned on (%(at)s).")
    return HealthWarning("backups", sentence, SEE_LOG, BACKUPS_SECTION, {"at": since_ms})


def _manual_backups(facts: SystemFacts) -> HealthWarning | None:
    """Judge backups made with `koyjabo backup`, from the audit log, if the server makes none itself."""
    database, old_ms = facts.stored.database, facts.now_ms - OLD_BACKUP_MS
    backup = database.backup
    if backup is None:
        if not database.visits or database.oldest_visit_ms >= old_ms:
            return None
        return HealthWarning("backups", N_("No backup yet."), TURN_BACKUPS_ON, BACKUPS_SECTION)
    if backup.at_ms >= old_ms:
        return None
    sentence = N_("The last backup was made on %(at)s, more than a week ago.")
    return HealthWarning("backups", sentence, TURN_BACKUPS_ON, BACKUPS_SECTION, {"at": backup.at_ms})


def recount(facts: SystemFacts) -> HealthWarning | None:
    running, last = facts.stored.recounts
    if running is not None or last is None:
        return None
    values, section = {"at": last.at_ms}, "the-numbers-look-wrong"
    recount_now = N_("Start one: %(receipt)s")
    if last.action == RECOUNT_BEGUN or "error" in last.details:
        return HealthWarning("recount", N_("The recount of %(at)s failed."), recount_now, section, values)
    if not last.details["agrees"]:
        return HealthWarning(
            "recount",
            N_("On %(at)s some numbers did not agree. Problems: %(count)s"),
            N_("Run %(command)s verify --repair where the server runs. %(receipt)s shows the problems."),
            section,
            {**values, "count": last.details["problem_count"]},
            DANGER,
        )
    if facts.now_ms - last.at_ms <= LATE_NIGHT_MS:
        return None
    sentence = N_("The last recount was on %(at)s; there should be one every night.")
    return HealthWarning("recount", sentence, recount_now, section, values)


def retention(facts: SystemFacts) -> HealthWarning | None:
    ended_ms = facts.stored.database.retention_ms
    if ended_ms is None or facts.now_ms - ended_ms <= LATE_NIGHT_MS:
        return None
    return HealthWarning(
        "retention",
        N_("Older visits were last reduced on %(at)s; this should happen every night."),
        N_("See nightly_work in the log."),
        "nightly-work-is-late",
        {"at": ended_ms},
    )


def mails(facts: SystemFacts) -> HealthWarning | None:
    mail = facts.stored.mail
    section = "a-forgotten-password-and-emails-that-do-not-arrive"
    check_mail = N_("The last error is below. Check the %(mail)s.")
    if mail is None:
        return None
    if mail.failed_test_ms is not None:
        sentence = N_("The last test email was not sent (%(at)s).")
        again = N_("Check the %(mail)s, then send another test.")
        return HealthWarning("mails", sentence, again, section, {"at": mail.failed_test_ms})
    if mail.failures:
        sentence = N_("Emails that could not be sent: %(count)s")
        return HealthWarning("mails", sentence, check_mail, section, {"count": len(mail.failures)})
    if mail.oldest_ms is not None and facts.now_ms - mail.oldest_ms > LATE_MAIL_MS:
        sentence = N_("Emails waiting: %(count)s, the oldest since %(at)s.")
        return HealthWarning("mails", sentence, check_mail, section, {"count": mail.waiting, "at": mail.oldest_ms})
    if mail.most is not None:
        return HealthWarning(
            "mails",
            N_("Today's limit of %(count)s emails to unconfirmed addresses is used up."),
            N_(
                "Until midnight, invitations are links only, and new accounts get no email. Look for spam in the "
                "audit log, or raise RATE_LIMIT_MAILS."
            ),
            section,
            {"count": mail.most},
        )
    return None


def places(facts: SystemFacts) -> HealthWarning | None:
    if facts.has_countries:
        return None
    return HealthWarning(
        "places",
        N_("The country database is missing, so all locations are unknown."),
        N_("Run make assets, then restart the server."),
        "locations-are-unknown",
    )


def version(facts: SystemFacts) -> HealthWarning | None:
    schema = facts.stored.database.schema
    if schema <= NEWEST_REVISION:
        return None
    return HealthWarning(
        "version",
        N_("The database has schema %(schema)s, from a newer version than this one (%(version)s)."),
        N_("Deploy the newer version to all machines."),
        "a-newer-version-has-migrated-the-database",
        {"schema": int(schema), "version": VERSION},
    )


WARNING_RULES: tuple[Callable[[SystemFacts], HealthWarning | None], ...] = (
    *(writer, database, disk, redis, workers, rollback, clock, standby, proxies),
    *(backups, recount, retention, mails, places, version),
)
"""All rules, the most harmful problems first. Warnings with the same level are shown in this order."""
