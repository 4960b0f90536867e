"""Recounts the ledger: compares all derived tables with the visits, and repairs them. Also sets the total by hand."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

COMMANDS = {"total": "cli:total", "verify": "cli:verify"}
FILLS = {
    "people.audit.log:ACTION_LABELS": "recounts:RECOUNT_ACTIONS",
    "people.audit.log:ROUTINE_ACTIONS": "recounts:ROUTINE_RECOUNT_ACTIONS",
}


def register(base: "Base") -> None:
    from koyjabo.base.jobs.claims import DAILY_POLL_S
    from .recounts import LEASE_RENEWAL_S, Recounts
    from .total import TotalAdjuster

    base.services.add(TotalAdjuster(base.database, base.clock))
    recounts = base.services.add(Recounts(base))
    base.every(DAILY_POLL_S, recounts.tick)
    base.every(LEASE_RENEWAL_S, recounts.renew)
    base.at_close(recounts.close)
