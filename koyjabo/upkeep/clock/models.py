"""The table of rows that were filed again."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import IN_BACKUPS, Model


class RefiledRow(Model):
    """Values of a row before it was filed again, because a clock had been ahead."""

    __tablename__ = "refiled_rows"
    __table_args__ = {"sqlite_with_rowid": False, "info": {IN_BACKUPS: False}}

    name: Mapped[str] = mapped_column(String(32), primary_key=True)  # of the table
    key: Mapped[str] = mapped_column(String(160), primary_key=True)
    earlier: Mapped[str]  # JSON
    expires_ms: Mapped[int]
