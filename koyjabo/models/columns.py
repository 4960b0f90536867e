"""What several tables are keyed by."""

from __future__ import annotations

from typing import NewType

from sqlalchemy import BigInteger, Integer

Scope = NewType("Scope", str)
"""What a number is about: `SITE`, or the id of one community."""

SITE = Scope("site")

# SQLite gives a table its row number for nothing only when the key is declared INTEGER.
BigKey = BigInteger().with_variant(Integer, "sqlite")
