"""Removes old data: reduces visits every night."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

TABLES = ("models",)
FILLS = {
    "base.observability.health_warning:FEATURE_WARNINGS": "admin:RETENTION_WARNINGS",
    "web.panel.server_page:SERVER_ROWS": "admin:RETENTION_ROWS",
}


def register(base: "Base") -> None:
    from koyjabo.base.jobs.claims import DAILY_POLL_S
    from .nightly import Nightly
    from .retention import Retention

    retention = base.services.add(Retention(base))
    nightly = base.services.add(Nightly(base.database, base.clock, base.runtime, retention))
    base.every(DAILY_POLL_S, nightly.tick)
    base.on(base.signals.epoch_began, lambda _: nightly.forget())
