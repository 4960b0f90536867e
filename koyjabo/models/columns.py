"""What several tables share: the base class, and the types of their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, NewType

from sqlalchemy import BigInteger, Integer

from koyjabo.core.extensions import db

if TYPE_CHECKING:
    from sqlalchemy.orm import DeclarativeBase

    class Model(DeclarativeBase):
        """The base class of all tables. Flask-SQLAlchemy makes it at run time, so that no type can name it."""

else:
    Model = db.Model

Scope = NewType("Scope", str)
"""The subject of a statistic: `SITE`, or the id of one community."""

SITE = Scope("site")

# SQLite uses its built-in row id as the key only if the key is declared INTEGER.
BigKey = BigInteger().with_variant(Integer, "sqlite")
