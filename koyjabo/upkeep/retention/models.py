"""The secrets of reduced visits."""

from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import ByKey, Day, Model


class MonthSecret(ByKey, Model):
    """The secret for the random ids of one month's reduced visits. It exists until all visits of the month are reduced
    (`upkeep.retention.reduction_queries`). Not included in backups.
    """

    __tablename__ = "month_secrets"

    month: Mapped[Day] = mapped_column(primary_key=True)  # YYYY-MM
    secret: Mapped[str]  # hexadecimal
