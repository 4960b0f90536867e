"""What to type where the server runs, for each problem that Health finds. Settings are named and not written out."""

from __future__ import annotations

from shlex import quote

from koyjabo.maintenance.health.checks import DANGER, WARNING, HealthCheck
from koyjabo.maintenance.health.system import Installation

LOG = "journalctl -u 'koyjabo*' --since '{since}'"
REDIS = 'redis-cli -u "$REDIS_URL"'
SQL = 'psql "$DATABASE_URL" -c "{query}"'
BUSY = "SELECT pid, application_name, state, wait_event, left(query, 60) FROM pg_stat_activity WHERE state <> 'idle'"

OF_POSTGRES = {
    "locked": SQL.format(query=BUSY),
    "read_only": SQL.format(query="SELECT pg_is_in_recovery()"),
    "away": 'pg_isready -d "$DATABASE_URL"',
    "full": "df -h",
}
OF_SQLITE = {
    "locked": "fuser -v {file}",
    "read_only": "ls -ld {folder} {file}",
    "away": "ls -l {folder}",
    "full": "df -h {folder}",
}
"""By the cause for which visits are not saved."""

OF_CHECK = {
    "redis.silent": f"{REDIS} ping",
    "redis.slow": f"{REDIS} --latency",
    "database.slow": "vmstat 1 5",
    "workers.busy": "vmstat 1 5",
    "workers.late": "vmstat 1 5",
    "workers.missing": LOG.format(since="-1h"),
    "disk": "df -h {folder}",
    "clock": "timedatectl",
    "standby": SQL.format(query="SELECT application_name, state, sync_state FROM pg_stat_replication"),
    "rollback.lost": "koyjabo verify",
    "recount.differs": "koyjabo verify --repair",
    "backups.unknown": "koyjabo backup koyjabo.backup",
    "backups.old": "koyjabo backup koyjabo.backup",
    "backups": LOG.format(since="-2d") + " | grep backup_",
    "retention.late": LOG.format(since="-2d") + " | grep nightly_work",
    "reports.late": LOG.format(since="-1h") + " | grep projection",
    "mails.late": LOG.format(since="-1h") + " | grep mail_",
    "mails.given_up": LOG.format(since="-2d") + " | grep mail_",
    "places.missing": "make assets",
}
"""By check and code, or for all codes of a check by its name."""


def command(check: HealthCheck, installation: Installation) -> str:
    """For admins alone: it may have a path. "" where none helps."""
    if check.level not in (WARNING, DANGER):
        return ""
    if check.name in ("writer", "database") and check.level == DANGER:
        found = _of_outage(str(check.values.get("cause", "away" if check.name == "database" else "")), installation)
    else:
        found = OF_CHECK.get(f"{check.name}.{check.code}", OF_CHECK.get(check.name, ""))
    folder, file = quote(str(installation.folder)), quote(str(installation.file or ""))
    return found.replace("{folder}", folder).replace("{file}", file)


def _of_outage(cause: str, installation: Installation) -> str:
    by_cause = OF_SQLITE if installation.file else OF_POSTGRES
    return by_cause.get(cause, LOG.format(since="-1h") + " | grep ledger_")
