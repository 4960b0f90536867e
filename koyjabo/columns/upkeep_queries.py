"""Lets all servers read the rows again after a restore, and builds the blocks again after a repair."""

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.orm import Session

from koyjabo.base.database.upkeep_rules import UpkeepRules
from koyjabo.counting.models import Watermark
from .blocks.block_queries import remove_all_blocks
from .blocks.state_queries import CHANGES_MARK

IS_CHANGES_MARK = Watermark.name == CHANGES_MARK


class ColumnRules(UpkeepRules):
    def version(self, connection: Connection) -> int:
        return connection.execute(select(Watermark.upto).where(IS_CHANGES_MARK)).scalar() or 0

    def invalidate_restored(self, connection: Connection, version: int, now_ms: int) -> None:
        connection.execute(delete(Watermark).where(IS_CHANGES_MARK))
        connection.execute(insert(Watermark).values(name=CHANGES_MARK, upto=version, version=0))

    def discard_sums(self, session: Session) -> None:
        remove_all_blocks(session)
