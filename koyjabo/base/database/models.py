"""The counters, which every batch of visits locks, and the identity of the database."""

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import IN_BACKUPS, Model, ScopeId


class Counter(Model):
    """A scope's current numbers. Each batch locks the site's row, so that visit numbers have no gaps."""

    __tablename__ = "counters"

    scope: Mapped[ScopeId] = mapped_column(primary_key=True)
    epoch: Mapped[int]  # ms; base-36 on the wire
    visits: Mapped[int]  # number of rows ever written; for the site, also the latest id
    total: Mapped[int]  # the latest visit number: visits plus all adjustments
    unique_visitors: Mapped[int]
    revision: Mapped[int]  # hybrid clock of the latest commit (specification: promise 3)


class DatabaseIdentity(Model):
    """A single row with the name of this database, created with the schema. Backups and restores skip it, so that
    servers never confuse what they remember about two databases.
    """

    __tablename__ = "database_identity"
    __table_args__ = {"info": {IN_BACKUPS: False}}

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)  # 1
    name: Mapped[str] = mapped_column(String(32))
    # last `koyjabo ledger accept` (`base.database.timelines`)
    accepted_ms: Mapped[int | None]
    # The schema of the oldest version that can use this database. A migration that removes something raises it
    # (decision 99).
    compatible_from: Mapped[str] = mapped_column(String(32))
