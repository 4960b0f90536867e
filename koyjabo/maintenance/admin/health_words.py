"""What Health says: the name of each check, a sentence for each result, and what to do."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from koyjabo.core.i18n import N_
from koyjabo.maintenance.health.checks import DANGER, GOOD, OFF, WARNING

LABELS = {
    "database": _("Database"),
    "standby": _("Standby"),
    "rollback": _("Lost visits"),
    "writer": _("Saving visits"),
    "redis": _("Redis server"),
    "workers": _("Workers"),
    "disk": _("Disk"),
    "clock": _("Clock"),
    "proxies": _("Proxies"),
    "backups": _("Backups"),
    "recount": _("Recount"),
    "retention": _("Retention"),
    "reports": _("Reports"),
    "mails": _("Email"),
    "webhooks": _("Webhooks"),
    "places": _("Places"),
    "version": _("Version"),
}

SENTENCES = {
    "database.answers": N_("%(kind)s responds in %(ms)s ms; the database is %(size)s."),
    "database.slow": N_("%(kind)s takes %(ms)s ms to respond; the database is %(size)s."),
    "database.ephemeral": N_("The next deploy will delete the database file."),
    "database.unwritable": N_("%(kind)s can be read, but not written."),
    "database.silent": N_("The database does not answer."),
    "standby.none": N_("No standby copies the database."),
    "standby.synchronous": N_("A standby has every visit before it is acknowledged. Connected: %(count)s"),
    "standby.asynchronous": N_(
        "A failover may lose acknowledged visits: no standby is synchronous. Connected: %(count)s"
    ),
    "standby.unknown": N_("Unknown: grant pg_read_all_stats. Connected standbys: %(count)s"),
    "rollback.never": N_("The database has never gone back."),
    "rollback.seen": N_("The database went back on %(at)s, which an admin has seen."),
    "rollback.lost": N_("The database went back on %(at)s. Acknowledged visits that were lost: %(count)s"),
    "writer.saves": N_("Visits are saved at once: %(visits)s are stored."),
    "writer.late": N_("A visit has waited too long to be saved, or the last attempt failed."),
    "writer.unsaved": N_("Visits have not been saved since %(since)s."),
    "writer.refusing": N_(
        "Visits have not been saved since %(since)s. Refused since then: %(refused)s. Their pages keep them and send "
        "them again."
    ),
    "writer.refusing_at_most": N_(
        "Visits have not been saved since %(since)s. Refused since then: at most %(refused)s. Their pages keep them "
        "and send them again."
    ),
    "redis.unused": N_("Not used (single worker)"),
    "redis.answers": N_("Redis responds in %(ms)s ms."),
    "redis.slow": N_("Redis takes %(ms)s ms to respond."),
    "redis.silent": N_("Redis does not answer."),
    "workers.live": N_("Workers running: %(count)s, up to %(ms)s ms behind."),
    "workers.busy": N_("Worker %(worker)s is %(ms)s ms behind: visitors start to notice."),
    "workers.late": N_("Worker %(worker)s is %(ms)s ms behind."),
    "workers.missing": N_("Workers running: %(count)s of %(wanted)s."),
    "workers.unseen": N_("Without Redis, a worker does not see the others."),
    "disk.room": N_("%(free)s of %(total)s are free."),
    "disk.tight": N_("Only %(free)s of %(total)s are free."),
    "disk.full": N_("Only %(free)s of %(total)s are free. Soon no more visits can be saved."),
    "disk.refusing": N_(
        "Only %(free)s of %(total)s are free. Visits are still counted; page views and events are refused."
    ),
    "disk.unknown": N_("The system does not say how much space is free."),
    "clock.agrees": N_("The clocks of this machine and of the database differ by %(ms)s ms."),
    "clock.alone": N_("The clock looks right. (SQLite shares this machine's clock.)"),
    "clock.off": N_("The clocks of this machine and of the database differ by %(seconds)s s."),
    "clock.behind": N_("The newest commit is %(seconds)s s in the future: the clock was ahead, or it is behind."),
    "proxies.trusted": N_("Trusted proxies: %(count)s. Compare your own address below."),
    "proxies.hidden": N_("All visitors seem to come from 127.0.0.1: set TRUSTED_PROXIES"),
    "backups.proven": N_("Restored %(ago)s: %(counted)s = %(restored)s."),
    "backups.late": N_(
        "No backup has been proven for 36 hours. The last one was restored %(ago)s: %(counted)s = %(restored)s."
    ),
    "backups.failed": N_(
        "The backup of %(failed_at)s failed. %(error)s The last proven one was restored %(ago)s: "
        "%(counted)s = %(restored)s."
    ),
    "backups.failed_first": N_("The backup of %(failed_at)s failed. %(error)s No backup is proven yet."),
    "backups.first": N_("The first one will be made on %(at)s."),
    "backups.running": N_("The first one is being made."),
    "backups.unproven": N_("No backup has been proven since backups were turned on (%(at)s)."),
    "backups.recent": N_("The last one was made on %(at)s."),
    "backups.old": N_("The last one was made on %(at)s, more than a week ago."),
    "backups.unknown": N_("No backup yet."),
    "backups.nothing": N_("There is nothing to back up yet."),
    "recount.agrees": N_("All numbers agreed on %(at)s, rows: %(count)s"),
    "recount.differs": N_("On %(at)s some numbers did not agree. Problems: %(count)s"),
    "recount.interrupted": N_("The recount of %(at)s ended without a result."),
    "recount.running": N_("A recount is running."),
    "recount.never": N_("No recount yet."),
    "retention.ran": N_("Each visit is kept for %(days)s days. Older ones were last summed up on %(at)s."),
    "retention.late": N_("Older visits were last summed up on %(at)s; that should happen every night."),
    "retention.never": N_("Each visit is kept for %(days)s days, and then summed up at night."),
    "reports.ready": N_("Reports are up to date. Newest visits, which are added as you look: %(count)s"),
    "reports.late": N_("Reports are catching up. Visits still to add: %(count)s"),
    "mails.sent": N_("Email works. Messages waiting: %(count)s"),
    "mails.off": N_("Email is not set up on this server. Set SMTP_URL and PUBLIC_URL."),
    "webhooks.none": N_("There are none."),
    "webhooks.sent": N_("Webhooks are being sent to %(count)s endpoints."),
    "webhooks.disabled": N_("Webhooks disabled because their endpoint is gone or keeps failing: %(count)s"),
    "webhooks.failing": N_("A webhook has been failing since %(at)s."),
    "webhooks.dropped": N_("Too many events waited for %(host)s: the oldest were dropped, most recently at %(at)s."),
    "mails.late": N_("Emails waiting: %(count)s, the oldest since %(at)s."),
    "mails.given_up": N_("Emails that could not be sent: %(count)s"),
    "mails.used_up": N_("Today's limit of %(count)s emails to unconfirmed addresses is used up."),
    "places.known": N_("Countries are known."),
    "places.missing": N_("The country database is missing, so all places are unknown."),
    "version.current": N_("Version %(version)s, database schema %(schema)s."),
    "version.newer": N_("The database has schema %(schema)s, of a newer version than this one (%(version)s)."),
}

LOOK_AT_LOG = N_("Look for a program that locks the database, and check the disk; the log has the reason.")

ADVICE = {
    "database.slow": N_("Look for other load on the machine or the network, and for a slow or nearly full disk."),
    "database.ephemeral": N_("Set DATABASE_URL, or put the file on a persistent disk."),
    "database.silent": N_("Check that the database runs and that DATABASE_URL is right."),
    "standby.asynchronous": N_(
        "Set synchronous_standby_names in PostgreSQL; docs/failover.md#what-may-be-lost says how."
    ),
    "standby.unknown": N_("The role of DATABASE_URL may not see whether a standby is synchronous."),
    "rollback.lost": N_(
        "docs/failover.md#what-may-be-lost explains how visits can be lost, and what to set so that none are."
    ),
    "writer.late": LOOK_AT_LOG,
    **dict.fromkeys(("writer.unsaved", "writer.refusing", "writer.refusing_at_most"), LOOK_AT_LOG),
    "redis.slow": N_("Look for other load on Redis or the network."),
    "redis.silent": N_("Check that Redis runs and that REDIS_URL is right. Visits are counted meanwhile."),
    "workers.busy": N_("If this continues, raise WEB_CONCURRENCY, or use a machine with more cores."),
    "workers.late": N_("If this continues, raise WEB_CONCURRENCY, or use a machine with more cores."),
    "workers.missing": N_("A worker that stops is replaced within seconds. If this continues, see the log."),
    "disk.tight": N_("Delete what is not needed, such as old backups, or use a larger disk."),
    "disk.full": N_("Delete what is not needed, such as old backups, or use a larger disk."),
    "disk.refusing": N_("Delete what is not needed, such as old backups, or use a larger disk."),
    "clock.off": N_("Let both machines set their clocks from the network (NTP)."),
    "clock.behind": N_("Let the machine set its clock from the network (NTP)."),
    "proxies.hidden": N_("Set TRUSTED_PROXIES to the number beside your own address."),
    "backups.late": N_("The log says why. %(data)s has a button that makes one now."),
    "backups.failed": N_("%(data)s shows at which step. Correct the cause, and then press Back up now there."),
    "backups.failed_first": N_("%(data)s shows at which step. Correct the cause, and then press Back up now there."),
    "backups.unproven": N_("The log says why. %(data)s has a button that makes one now."),
    "backups.recent": N_("Set BACKUP_DIR or BACKUP_TO: then the server makes one every night and proves it."),
    "backups.old": N_("Set BACKUP_DIR or BACKUP_TO: then the server makes one every night and proves it."),
    "backups.unknown": N_(
        "Set BACKUP_DIR or BACKUP_TO: then the server makes one every night and proves it. Backups made in another way "
        "are not noticed."
    ),
    "recount.differs": N_("Run koyjabo verify --repair where the server runs. %(data)s shows the problems."),
    "recount.interrupted": N_("Start it again in %(data)s."),
    "recount.never": N_("Start one in %(data)s to be sure that all numbers agree."),
    "retention.late": N_("See nightly_work in the log. A stuck import is a common cause."),
    "reports.late": N_("Reports are slow until then. If the number does not fall, see projection in the log."),
    "webhooks.disabled": N_("%(webhooks)s shows the answers. Enable or delete them there."),
    "webhooks.failing": N_("%(webhooks)s shows the answers. After three days it is disabled."),
    "webhooks.dropped": N_(
        "%(webhooks)s shows why the endpoint does not take them. Choose fewer events, or turn the webhook off."
    ),
    "mails.late": N_("The reason of the last attempt is below. Check SMTP_URL."),
    "mails.given_up": N_("The reasons are below. Check SMTP_URL."),
    "mails.used_up": N_(
        "Until midnight, invitations are links only, and new accounts get no email. Look for spam in the audit "
        "log, or raise RATE_LIMIT_MAILS."
    ),
    "places.missing": N_("Run make assets, then restart the server."),
    "version.newer": N_("Deploy the newer version to all machines."),
}

CAUSES = {
    "locked": N_("Another program has locked the database."),
    "full": N_("The disk of the database is full."),
    "read_only": N_("The database accepts no writes."),
    "away": N_("The database does not answer."),
    "old_primary": N_("An old primary of the database came back, and is not used."),
}
"""Why visits are not saved, by `outage_causes.CAUSES`."""

REMEDIES = {
    "locked": N_("End the program that locks it, or wait: then visits are saved by themselves."),
    "full": N_("Delete what is not needed, such as old backups, or use a larger disk."),
    "read_only": N_("Let the server's user write the database, or make it the primary again."),
    "away": N_("Check that the database runs and that DATABASE_URL is right."),
    "old_primary": N_("docs/failover.md#an-old-primary-that-comes-back says how to put it right."),
}
"""What to do about each of CAUSES."""

SECTIONS = {
    "locked": "the-database-is-locked",
    "full": "the-disk-is-full",
    "read_only": "the-database-accepts-no-writes",
    "away": "the-database-does-not-answer",
    "old_primary": "an-old-primary-came-back",
    "database.slow": "the-server-is-slow",
    "database.ephemeral": "the-server-does-not-start",
    "database.silent": "the-database-does-not-answer",
    "standby": "a-failover-lost-visits-or-could",
    "rollback": "a-failover-lost-visits-or-could",
    "writer": "visits-get-503",
    "redis": "redis-is-down",
    "redis.slow": "the-server-is-slow",
    "workers": "the-server-is-slow",
    "workers.missing": "a-worker-dies-again-and-again",
    "disk": "the-disk-is-full",
    "clock": "a-clock-is-wrong",
    "proxies": "requests-get-429",
    "backups": "a-backup-fails",
    "recount": "the-numbers-look-wrong",
    "retention": "nightly-work-or-reports-are-late",
    "reports": "nightly-work-or-reports-are-late",
    "mails": "a-forgotten-password-and-emails-that-do-not-arrive",
    "webhooks": "webhooks-fail",
    "places": "places-are-unknown",
    "version": "a-newer-version-has-migrated-the-database",
}
"""The section of docs/troubleshooting.md, by cause, by check and code, or for all codes of a check by its name."""

CANNOT_BE_READ = N_("Not known while the database cannot be read.")

LEVELS = {
    GOOD: _("All is well"),
    WARNING: _("Something needs attention"),
    DANGER: _("Something is wrong"),
}
"""The meaning of the colour of the whole, for people who do not see it."""

STATES = {DANGER: _("Wrong"), WARNING: _("Needs attention"), GOOD: _("Fine"), OFF: _("Off")}
"""The meaning of the colour of one check."""

NO_RESULT, UNKNOWN = _("No result yet"), _("Unknown")

GREY = {
    **dict.fromkeys(
        ("backups.first", "backups.running", "backups.nothing", "recount.running", "recount.never", "retention.never"),
        NO_RESULT,
    ),
    **dict.fromkeys(("disk.unknown", "workers.unseen"), UNKNOWN),
}
"""The state of a grey check that is not off."""


SOCKETS = {
    "site": _("Site"),
    "communities": _("Communities"),
    "dashboards": _("Dashboards"),
    "panel": _("Panel"),
    "socketio": _("Socket.IO"),
    "streams": _("Streams"),
}

MAILS = {
    "verify": _("Confirm an email"),
    "reset": _("New password"),
    "invitation": _("Invitation"),
    "panel_invitation": _("Invitation"),
    "email_changed": _("Changed email"),
    "email_new": _("Changed email"),
    "sign_in": _("New login"),
    "backup_failed": _("Failed backup"),
    "test": _("Test"),
    "webhook": _("Webhook disabled"),
    "weekly": _("Weekly report"),
    "traffic": _("Alert"),
}
