"""Key types that several tables share."""

from __future__ import annotations

from typing import NewType

from sqlalchemy import BigInteger, Integer

Scope = NewType("Scope", str)
"""The subject of a statistic: `SITE`, or the id of one community."""

SITE = Scope("site")

# SQLite uses its built-in row id as the key only if the key is declared INTEGER.
BigKey = BigInteger().with_variant(Integer, "sqlite")
