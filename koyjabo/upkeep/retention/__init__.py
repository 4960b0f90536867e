"""Removes old data: reduces visits every night, and erases visitors on request."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api",)
COMMANDS = {"forget": "cli:forget"}
TABLES = ("models",)
FILLS = {
    "people.audit.log:ACTION_LABELS": "erasure:ERASURE_ACTIONS",
}


def register(base: "Base") -> None:
    from koyjabo.base.core.i18n import N_
    from koyjabo.base.jobs.claims import DAILY_POLL_S
    from koyjabo.web.panel.navigation import SERVER, Navigation, Shortcut
    from .erasure import Erasure
    from .nightly import Nightly
    from .retention import Retention

    retention = base.services.add(Retention(base))
    nightly = base.services.add(Nightly(base.database, base.clock, base.runtime, retention))
    base.services.add(Erasure(base))
    base.every(DAILY_POLL_S, nightly.tick)
    base.on(base.signals.epoch_began, lambda _: nightly.forget())
    erase = Shortcut(N_("Erase a visitor"), SERVER, "erasure", for_admins=True, rank=3)
    base.services[Navigation].add_shortcuts(SERVER, erase)
