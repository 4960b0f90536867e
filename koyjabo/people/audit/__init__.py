"""The audit log."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("admin",)
TABLES = ("models",)
UPKEEP = ("upkeep_queries:AuditRules",)


def register(base: "Base") -> None:
    from koyjabo.base.core.i18n import N_
    from koyjabo.base.core.installation import VERSION
    from koyjabo.base.jobs.claims import DAILY_POLL_S
    from koyjabo.web.panel.navigation import Navigation, PanelPage
    from .audit import Audit
    from .version_log import VersionLog

    base.services.add(Audit(base.database))
    versions = base.services.add(VersionLog(base.database, base.clock, VERSION))
    base.every(DAILY_POLL_S, versions.record)
    base.on(base.signals.epoch_began, lambda _: versions.forget())
    page = PanelPage("panel_audit.audit", N_("Audit log"), section="panel_users.users")
    base.services[Navigation].add(page)
