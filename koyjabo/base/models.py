"""The base class of all tables, and the types of their columns."""

from typing import TYPE_CHECKING, Annotated, Any, NewType

from sqlalchemy import BigInteger, Index, Integer, String, Table, Text
from sqlalchemy.orm import mapped_column, relationship

from koyjabo.base.core.extensions import db

if TYPE_CHECKING:
    from sqlalchemy.orm import DeclarativeBase

    class Model(DeclarativeBase):
        """The base class of all tables, for type annotations. The class itself is created by Flask-SQLAlchemy at run
        time.
        """

else:
    Model = db.Model

Scope = NewType("Scope", str)
"""The subject of a number: `SITE`, or a community's id."""

SITE = Scope("site")

# What a column without another type stores.
Model.registry.update_type_annotation_map({int: BigInteger, str: Text})

# SQLite uses its built-in row id as the key only if the key is declared INTEGER.
BigKey = Annotated[int, mapped_column(BigInteger().with_variant(Integer, "sqlite"))]

# An external id. SQLite ignores the length, so its column still has the earlier one.
Ref = Annotated[str, mapped_column(String(255))]

Uuid = Annotated[str, mapped_column(String(36))]
ScopeId = Annotated[str, mapped_column(String(64))]
Day = Annotated[str, mapped_column(String(10))]
Digest = Annotated[str, mapped_column(String(64))]
Email = Annotated[str, mapped_column(String(254))]
Name = Annotated[str, mapped_column(String(200))]
# A state, a role or a kind.
Word = Annotated[str, mapped_column(String(16))]


PAIR_LOSS = "pair_loss"
"""Key in a unique key's `info`: new values by column for a later row with the same key, if PostgreSQL has admitted one
(`base.database.pairs_postgres`): None, OWN_ID, or the name of another column. Without it, the later row is deleted.
"""

OWN_ID = "~"
"""In PAIR_LOSS: `~` and the row's id."""

PAIR_MERGE = "pair_merge"
"""Key in a table's `info`: SQL for what an earlier row takes over before a later one with the same key is deleted."""

IN_BACKUPS = "in_backups"
"""Key in a table's `info`. With False, backups do not contain the table, and a restore does not change it."""


class ByKey:
    """A mixin for tables that SQLite stores in the order of their key, without row ids."""

    __table_args__ = {"sqlite_with_rowid": False}


def pair_losses(table: Table) -> list[tuple[list[str], dict[str, str | None]]]:
    """PAIR_LOSS of the table's unique keys, with the columns of each key."""
    keys = [([*index.columns.keys()], index.info) for index in table.indexes]
    keys += [([column.name], column.info) for column in table.columns]
    return [(key, info[PAIR_LOSS]) for key, info in keys if PAIR_LOSS in info]


def related(**options: Any) -> Any:
    """A relation that can only be read, and only if the query has joined it."""
    return relationship(**options, lazy="raise", viewonly=True)


def partial_index(name: str, *columns: str, where: str) -> Index:
    """An index on the rows that match `where`, created by the migrations. With `postgresql_where`, SQLAlchemy would
    load PostgreSQL's dialect into every process to check it.
    """
    return Index(name, *columns, info={"where": where})
