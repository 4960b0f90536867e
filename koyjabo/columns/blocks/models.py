"""Visits and events stored by column."""

from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import BigKey, Day, Model


class _Block:
    """Rows with consecutive ids, compressed (`columns.blocks.block`). `first` follows the last id of the previous
    block.
    """

    first: Mapped[BigKey] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]
    first_day: Mapped[Day]
    last_day: Mapped[Day]
    packed: Mapped[bytes]


class VisitBlock(_Block, Model):
    """Visits with their parsed values. When a visit is changed or removed, the same transaction updates its block."""

    __tablename__ = "visit_blocks"


class EventBlock(_Block, Model):
    """Page views and events."""

    __tablename__ = "event_blocks"
