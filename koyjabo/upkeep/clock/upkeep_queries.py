"""Removes earlier times of visits that were filed again, after a while and when a backup is restored."""

from sqlalchemy import Connection, delete
from sqlalchemy.orm import Session

from koyjabo.base.database.upkeep_rules import ExpiringRows, UpkeepRules, remove_rows
from koyjabo.counting.models import ClockState
from .models import RefiledRow


def _remove_earlier(session: Session, before_ms: int, size: int) -> int:
    return remove_rows(session, RefiledRow.key, size, RefiledRow.expires_ms <= before_ms)


class RefiledRules(UpkeepRules):
    expiring = (ExpiringRows(RefiledRow.__tablename__, _remove_earlier),)

    def invalidate_restored(self, connection: Connection, version: int, now_ms: int) -> None:
        for table in (RefiledRow, ClockState):
            connection.execute(delete(table))
