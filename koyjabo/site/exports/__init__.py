"""Exports of visits and days from the page Server."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("admin",)
FILLS = {
    "base.jobs.running_jobs:JOB_LABELS": "admin:EXPORT_JOBS",
    "web.panel.server_page:SERVER_ROWS": "admin:EXPORT_ROWS",
}


def register(base: "Base") -> None:
    from koyjabo.base.core.i18n import N_
    from koyjabo.web.panel.navigation import SERVER, Navigation, Shortcut

    export = Shortcut(N_("Export"), SERVER, "export", for_admins=True, rank=1)
    base.services[Navigation].add_shortcuts(SERVER, export)
