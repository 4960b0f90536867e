"""All possible results of Health's checks: their level, their texts, and what to do."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from koyjabo.base.core.i18n import N_

OFF, GOOD, WARNING, DANGER = LEVELS = ("off", "good", "warning", "danger")
"""Grey (not set up, no result yet, or unknown), green, amber and red, from best to worst."""

NO_RESULT, UNKNOWN = N_("No result yet"), N_("Unknown")
STATES = {DANGER: N_("Wrong"), WARNING: N_("Needs attention"), GOOD: N_("Fine"), OFF: N_("Off")}
"""Meanings of a check's colour."""


class Finding(NamedTuple):
    """A possible result of a check. Pages translate its sentences and fill in the check's values."""

    level: str  # its usual level, one of LEVELS
    sentence: str
    advice: str = ""  # what to do; "" if there is nothing to do
    section: str = ""  # of docs/troubleshooting.md; "" for the check's section
    state: str = ""  # what a grey finding means; "" for its level's meaning


CHECKS = {
    "database": (N_("Database"), ""),
    "standby": (N_("Standby"), "a-failover-lost-visits-or-could"),
    "rollback": (N_("Lost visits"), "a-failover-lost-visits-or-could"),
    "writer": (N_("Saving visits"), "visits-get-503-ledger_unavailable"),
    "redis": (N_("Redis server"), "redis-is-down-redis_unreachable"),
    "workers": (N_("Workers"), "the-server-is-slow"),
    "dropped": (N_("Waiting work"), "something-was-dropped"),
    "disk": (N_("Disk"), "the-disk-is-full"),
    "clock": (N_("Clock"), "a-clock-is-wrong"),
    "proxies": (N_("Proxies"), "requests-get-429"),
    "backups": (N_("Backups"), "a-backup-fails-backup_failed"),
    "recount": (N_("Recount"), "the-numbers-look-wrong"),
    "retention": (N_("Retention"), "nightly-work-or-reports-are-late"),
    "reports": (N_("Reports"), "nightly-work-or-reports-are-late"),
    "mails": (N_("Email"), "a-forgotten-password-and-emails-that-do-not-arrive"),
    "places": (N_("Locations"), "locations-are-unknown"),
    "version": (N_("Version"), "a-newer-version-has-migrated-the-database"),
}
"""The title of each check, and its section of docs/troubleshooting.md for findings without their own."""

LOOK_AT_LOG = N_("Look for a program that locks the database, and check the disk; the log has the reason.")
MORE_WORKERS = N_("If this continues, raise WEB_CONCURRENCY, or use a machine with more cores.")
MAKE_ROOM = N_("Delete what is not needed, such as old backups, or use a larger disk.")
RECOUNT_NOW = N_("Start one: %(receipt)s")
SEE_LOG = N_("The log says why. %(data)s has a button that makes one now.")
SEE_STEP = N_("%(data)s shows the step that failed. Fix the cause, then press Back up now there.")
CHECK_MAIL = N_("The last error is below. Check the %(mail)s.")
TURN_BACKUPS_ON = N_("%(turn_on)s: the server then makes a backup every night and verifies it.")

good, warning, danger, off = (partial(Finding, level) for level in (GOOD, WARNING, DANGER, OFF))
no_result, unknown = (partial(Finding, OFF, state=state) for state in (NO_RESULT, UNKNOWN))

FINDINGS = {
    "database.answers": good(N_("%(kind)s responds within %(ms)s ms; the database is %(size)s.")),
    "database.slow": warning(
        N_("%(kind)s takes %(ms)s ms to respond; the database is %(size)s."),
        N_("Check the machine and network for other load, and the disk for space and speed."),
        section="the-server-is-slow",
    ),
    "database.ephemeral": warning(
        N_("The next deploy will delete the database file."),
        N_("Set DATABASE_URL, or put the file on a persistent disk."),
        section="the-server-does-not-start",
    ),
    "database.unsafe": warning(
        N_("A crash of the database's machine can lose saved visits, because of its settings: %(settings)s"),
        N_("Turn these settings on in postgresql.conf, then restart PostgreSQL."),
        section="a-failover-lost-visits-or-could",
    ),
    "database.unwritable": danger(N_("%(kind)s can be read, but saves nothing.")),
    "database.silent": danger(
        N_("The database does not respond."),
        N_("Check that the database runs and that DATABASE_URL is right."),
        section="the-database-does-not-answer",
    ),
    "standby.none": off(N_("No standby copies the database.")),
    "standby.synchronous": good(N_("Every visit reaches a standby before it is acknowledged. Connected: %(count)s")),
    "standby.asynchronous": warning(
        N_("A failover may lose acknowledged visits: no standby is synchronous. Connected: %(count)s"),
        N_("Set synchronous_standby_names in PostgreSQL; docs/failover.md#what-may-be-lost says how."),
    ),
    "standby.unknown": warning(
        N_("Unknown: grant pg_read_all_stats. Connected standbys: %(count)s"),
        N_("The role in DATABASE_URL is not allowed to see whether a standby is synchronous."),
    ),
    "rollback.never": good(N_("The database was never rolled back.")),
    "rollback.seen": good(N_("The database was rolled back on %(at)s (seen by an admin).")),
    "rollback.lost": danger(
        N_("The database was rolled back on %(at)s. Acknowledged visits lost: %(count)s"),
        N_("docs/failover.md#what-may-be-lost explains how visits can be lost, and what to set so that none are."),
    ),
    "writer.saves": good(N_("Visits are saved at once. Stored: %(visits)s")),
    "writer.late": danger(N_("A visit has waited too long to be saved, or could not be saved."), LOOK_AT_LOG),
    "writer.unsaved": danger(N_("Visits have not been saved since %(since)s."), LOOK_AT_LOG),
    "writer.refusing": danger(
        N_(
            "Visits have not been saved since %(since)s. Refused since then: %(refused)s. Open pages keep "
            "them and send them again."
        ),
        LOOK_AT_LOG,
    ),
    "writer.refusing_at_most": danger(
        N_(
            "Visits have not been saved since %(since)s. Refused since then: at most %(refused)s. Open pages "
            "keep them and send them again."
        ),
        LOOK_AT_LOG,
    ),
    "redis.unused": off(N_("Not used (single worker)")),
    "redis.answers": good(N_("Redis responds in %(ms)s ms.")),
    "redis.slow": warning(
        N_("Redis takes %(ms)s ms to respond."),
        N_("Check Redis and the network for other load."),
        section="the-server-is-slow",
    ),
    "redis.refused": danger(
        N_("Redis refuses this server: %(error)s"),
        N_("Check the user and password in REDIS_URL, and the rights of that user. Visits are still counted."),
        section="redis-refuses-the-server-redis_refused",
    ),
    "redis.silent": danger(
        N_("Redis does not respond."),
        N_("Check that Redis runs and that REDIS_URL is right. Visits are still counted."),
    ),
    "workers.live": good(N_("Workers running: %(count)s, up to %(ms)s ms behind.")),
    "workers.busy": warning(N_("Worker %(worker)s is %(ms)s ms behind; pages update late."), MORE_WORKERS),
    "workers.late": danger(N_("Worker %(worker)s is %(ms)s ms behind."), MORE_WORKERS),
    "workers.missing": warning(
        N_("Workers running: %(count)s of %(wanted)s."),
        N_("A worker that stops is replaced within seconds. If this continues, see the log."),
        section="a-worker-dies-again-and-again-worker_died",
    ),
    "workers.unseen": unknown(N_("Without Redis, workers do not see each other's visits.")),
    "dropped.nothing": good(N_("Nothing was dropped.")),
    "dropped.some": warning(
        N_("Dropped since %(since)s, because too much was waiting: %(dropped)s"),
        N_("One address may send too much, or the database may be too slow. Visits are counted anyway."),
    ),
    "disk.room": good(N_("%(free)s of %(total)s are free.")),
    "disk.tight": warning(N_("Only %(free)s of %(total)s are free."), MAKE_ROOM),
    "disk.full": danger(
        N_("Only %(free)s of %(total)s are free. Visits cannot be saved once the disk is full."), MAKE_ROOM
    ),
    "disk.refusing": danger(
        N_("Only %(free)s of %(total)s are free. Visits are still counted; page views and events are refused."),
        MAKE_ROOM,
    ),
    "disk.unknown": unknown(N_("The system does not report how much space is free.")),
    "clock.agrees": good(N_("The clocks of this machine and of the database differ by %(ms)s ms.")),
    "clock.alone": good(N_("The clock looks right. (SQLite shares this machine's clock.)")),
    "clock.off": warning(
        N_("The clocks of this machine and of the database differ by %(seconds)s s."),
        N_("Set both machines' clocks from the network (NTP)."),
    ),
    "clock.behind": warning(
        N_("The newest commit is %(seconds)s s in the future: the clock was ahead then, or is behind now."),
        N_("Set the machine's clock from the network (NTP)."),
    ),
    "proxies.trusted": good(N_("Trusted proxies: %(count)s. Compare your own address below.")),
    "proxies.hidden": warning(
        N_("All visitors seem to come from 127.0.0.1: set TRUSTED_PROXIES"),
        N_("Set TRUSTED_PROXIES to the number next to your own address."),
    ),
    "backups.proven": good(N_("Restored %(ago)s: %(counted)s = %(restored)s.")),
    "backups.late": warning(
        N_("No backup has been verified for 36 hours. The last one was restored %(ago)s: %(counted)s = %(restored)s."),
        SEE_LOG,
    ),
    "backups.failed": danger(
        N_(
            "The backup of %(failed_at)s failed. %(error)s The last verified one was restored %(ago)s: "
            "%(counted)s = %(restored)s."
        ),
        SEE_STEP,
    ),
    "backups.failed_first": danger(
        N_("The backup of %(failed_at)s failed. %(error)s No backup is verified yet."), SEE_STEP
    ),
    "backups.first": no_result(N_("The first one will be made on %(at)s.")),
    "backups.running": no_result(N_("The first one is being made.")),
    "backups.unproven": warning(N_("No backup has been verified since backups were turned on (%(at)s)."), SEE_LOG),
    "backups.recent": good(N_("The last one was made on %(at)s."), TURN_BACKUPS_ON),
    "backups.old": warning(N_("The last one was made on %(at)s, more than a week ago."), TURN_BACKUPS_ON),
    "backups.unknown": warning(N_("No backup yet."), TURN_BACKUPS_ON),
    "backups.nothing": off(N_("No backups are made at night."), TURN_BACKUPS_ON),
    "recount.agrees": good(N_("All numbers agreed on %(at)s, rows: %(count)s")),
    "recount.differs": danger(
        N_("On %(at)s some numbers did not agree. Problems: %(count)s"),
        N_("Run %(command)s verify --repair where the server runs. %(receipt)s shows the problems."),
    ),
    "recount.interrupted": warning(N_("The recount of %(at)s failed."), RECOUNT_NOW),
    "recount.late": warning(N_("The last recount was on %(at)s; there should be one every night."), RECOUNT_NOW),
    "recount.running": no_result(N_("A recount is running.")),
    "recount.never": no_result(N_("No recount yet."), RECOUNT_NOW),
    "retention.ran": good(N_("Visits are reduced after %(days)s days, most recently on %(at)s.")),
    "retention.late": warning(
        N_("Older visits were last reduced on %(at)s; this should happen every night."),
        N_("See nightly_work in the log. A stuck import is a common cause."),
    ),
    "retention.never": no_result(N_("Visits are reduced after %(days)s days, at night.")),
    "reports.ready": good(N_("Reports are up to date. Newest visits, added when you open a report: %(count)s")),
    "reports.late": warning(
        N_("Reports are catching up. Visits still to add: %(count)s"),
        N_("Reports wait until then. If the number does not fall, see blocks in the log."),
    ),
    "mails.sent": good(N_("Email works. Messages waiting: %(count)s")),
    "mails.off": off(N_("Email is not set up."), N_("Enter a %(mail)s.")),
    "mails.refused": warning(
        N_("The last test email was not sent (%(at)s)."),
        N_("Check the %(mail)s, then send another test."),
    ),
    "mails.late": warning(N_("Emails waiting: %(count)s, the oldest since %(at)s."), CHECK_MAIL),
    "mails.given_up": warning(N_("Emails that could not be sent: %(count)s"), CHECK_MAIL),
    "mails.used_up": warning(
        N_("Today's limit of %(count)s emails to unconfirmed addresses is used up."),
        N_(
            "Until midnight, invitations are links only, and new accounts get no email. Look for spam in the "
            "audit log, or raise RATE_LIMIT_MAILS."
        ),
    ),
    "places.known": good(N_("Countries are known.")),
    "places.missing": warning(
        N_("The country database is missing, so all locations are unknown."),
        N_("Run make assets, then restart the server."),
    ),
    "version.current": good(N_("Version %(version)s, database schema %(schema)s.")),
    "version.newer": warning(
        N_("The database has schema %(schema)s, from a newer version than this one (%(version)s)."),
        N_("Deploy the newer version to all machines."),
    ),
}
"""Findings, by name of the check and code of the rule."""

UNREAD = "unread"
"""The code for a check that needs the database, while the database cannot be read."""

NOT_READ = Finding(OFF, N_("Not available while the database cannot be read."), state=UNKNOWN)

CAUSES = {
    "locked": danger(
        N_("Another program has locked the database."),
        N_("Stop the program that locks it, or wait. Visits are then saved automatically."),
        "the-database-is-locked",
    ),
    "full": danger(
        N_("The disk of the database is full."),
        N_("Delete what is not needed, such as old backups, or use a larger disk."),
        "the-disk-is-full",
    ),
    "read_only": danger(
        N_("The database accepts no writes."),
        N_("Give the server's user write access. Hosting services allow no writes while a disk is full."),
        "the-database-accepts-no-writes",
    ),
    "standby": danger(
        N_("The database is a standby."),
        N_("Promote it, or name the primary in DATABASE_URL."),
        "the-database-accepts-no-writes",
    ),
    "refused": danger(
        N_("The database refuses this server."),
        N_("Check the user, password and options in DATABASE_URL, and the user's rights; the log has the reason."),
        "the-database-does-not-answer",
    ),
    "away": danger(
        N_("The database does not respond."),
        N_("Check that the database runs and that DATABASE_URL is right."),
        "the-database-does-not-answer",
    ),
    "old_primary": danger(
        N_("An old primary database server is back, and is not used."),
        N_("docs/failover.md#an-old-primary-that-comes-back says how to fix it."),
        "an-old-primary-came-back",
    ),
}
"""Why visits are not saved (`outage_causes.CAUSES`)."""


class HealthCheck(NamedTuple):
    """A check's result. `code` selects texts from FINDINGS, and `values` are filled into them."""

    name: str
    level: str  # one of LEVELS
    code: str
    values: Mapping[str, object] = MappingProxyType({})

    @property
    def finding(self) -> Finding:
        return NOT_READ if self.code == UNREAD else FINDINGS[f"{self.name}.{self.code}"]

    @property
    def cause(self) -> Finding | None:
        return CAUSES.get(str(self.values.get("cause", "")))

    @property
    def label(self) -> str:
        return CHECKS[self.name][0]

    @property
    def state(self) -> str:
        """The meaning of the check's colour."""
        return self.finding.state or STATES[self.level]

    @property
    def advice(self) -> str:
        """Advice; "" if there is nothing to do."""
        return self.cause.advice if self.cause else self.finding.advice

    @property
    def section(self) -> str:
        """The check's section in docs/troubleshooting.md; "" if nothing is wrong."""
        if self.level not in (WARNING, DANGER):
            return ""
        return self.cause.section if self.cause else self.finding.section or CHECKS[self.name][1]
