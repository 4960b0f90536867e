"""Erases visitors: on their own request, on the page Server, and by a command."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api", "admin")
COMMANDS = {"forget": "cli:forget"}
FILLS = {
    "base.jobs.running_jobs:JOB_LABELS": "erasure:ERASURE_JOBS",
    "people.audit.log:ACTION_LABELS": "erasure:ERASURE_ACTIONS",
    "web.panel.server_page:SERVER_ROWS": "admin:ERASURE_ROWS",
}


def register(base: "Base") -> None:
    from koyjabo.base.core.i18n import N_
    from koyjabo.web.panel.navigation import SERVER, Navigation, Shortcut
    from .erasure import Erasure

    base.services.add(Erasure(base))
    erase = Shortcut(N_("Erase a visitor"), SERVER, "erasure", for_admins=True, rank=3)
    base.services[Navigation].add_shortcuts(SERVER, erase)
