"""Backups: the file format, the folder that keeps the files, and nightly backups, which are verified by restoring and
recounting them (specification: Backups).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("admin",)
COMMANDS = {"backup": "cli:backup", "restore": "cli:restore"}
FILLS = {
    "base.observability.health_warning:FEATURE_WARNINGS": "backup_warnings:BACKUP_WARNINGS",
    "base.observability.health_warning:READY_WARNINGS": "backup_warnings:BACKUP_READY_WARNINGS",
    "counting.earlier_total:EARLIER_TOTALS": "folder:BACKUP_TOTALS",
    "people.audit.log:ACTION_LABELS": "backup:BACKUP_ACTIONS",
    "people.audit.log:ROUTINE_ACTIONS": "backup:ROUTINE_BACKUP_ACTIONS",
    "web.panel.server_page:FIRST_STEPS": "admin:BACKUP_STEPS",
    "web.panel.server_page:SERVER_ROWS": "admin:BACKUP_ROWS",
}


def register(base: "Base") -> None:
    from koyjabo.base.core.i18n import N_
    from koyjabo.base.jobs.claims import DAILY_POLL_S
    from koyjabo.base.observability import all_metrics
    from koyjabo.base.observability.observability_services import ObservabilityServices
    from koyjabo.web.panel.navigation import SERVER, Navigation, Shortcut
    from .backups import FOLDER_READ_S, Backups

    backups = base.services.add(Backups(base))
    gauges = base.services[ObservabilityServices].gauges
    gauges.provide(all_metrics.BACKUP_TIME_GAUGE, lambda: backups.newest and backups.newest.made_ms / 1000)
    gauges.provide(all_metrics.BACKUP_SIZE_GAUGE, lambda: backups.newest and backups.newest.bytes)
    gauges.provide(all_metrics.BACKUP_FAILURES_GAUGE, lambda: backups.failures)
    base.every(FOLDER_READ_S, backups.refresh)
    base.every(DAILY_POLL_S, backups.tick)
    base.at_close(backups.close)
    base.services[Navigation].add_shortcuts(SERVER, Shortcut(N_("Backups"), SERVER, "backups", rank=2))
