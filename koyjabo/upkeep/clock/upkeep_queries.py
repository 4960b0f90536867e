"""Removes earlier times of visits that were filed again, after a while and when a backup is restored."""

from sqlalchemy import Connection, delete

from koyjabo.base.database.upkeep_rules import UpkeepRules, expiring
from koyjabo.counting.models import ClockState
from .models import RefiledRow


class RefiledRules(UpkeepRules):
    expiring = (expiring(RefiledRow.key),)

    def invalidate_restored(self, connection: Connection, version: int, now_ms: int) -> None:
        for table in (RefiledRow, ClockState):
            connection.execute(delete(table))
