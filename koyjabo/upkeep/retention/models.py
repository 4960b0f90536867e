"""The secrets of reduced visits."""

from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import IN_BACKUPS, Day, Model


class MonthSecret(Model):
    """The secret for the random ids of one month's reduced visits. It exists until all visits of the month are reduced
    (`upkeep.retention.monthly_id_queries`). Not included in backups.
    """

    __tablename__ = "month_secrets"
    __table_args__ = {"sqlite_with_rowid": False, "info": {IN_BACKUPS: False}}

    month: Mapped[Day] = mapped_column(primary_key=True)  # YYYY-MM
    secret: Mapped[str]  # hexadecimal
