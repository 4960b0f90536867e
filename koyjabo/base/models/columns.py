"""The base class and the key types that the tables share."""

import json
from typing import TYPE_CHECKING, Any, NewType

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.types import TypeDecorator

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

# SQLite uses its built-in row id as the key only if the key is declared INTEGER.
BigKey = BigInteger().with_variant(Integer, "sqlite")

# An external id. SQLite ignores the length, so its column still has the earlier one.
Ref = String(255).with_variant(String(128), "sqlite")


def partial_index(name: str, *columns: str, where: str) -> Index:
    """An index on the rows that match `where`, created by the migrations. With `postgresql_where`, SQLAlchemy would
    load PostgreSQL's dialect into every process to check it.
    """
    return Index(name, *columns, info={"where": where})


class JsonText(TypeDecorator[Any]):
    """A value that is stored as JSON in a text column. None is NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        return None if value is None else json.loads(value)
