"""SQL statements that are compiled once for all sites and servers. Each has its own engine, which would compile
them again: that takes a fifth of the time of a test.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

COMPILED: LRUCache[Any, Any] = LRUCache(10_000)


def share_compiled_statements() -> None:
    """Let all engines of this process, and of the processes forked from it, share what they have compiled.

    Dialects are a part of the cache's keys. Two of one class are equal: the tests have one version of each database.
    """
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg2):
        dialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
        dialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
    Engine._compiled_cache = property(lambda engine: COMPILED, lambda engine, own: None)  # type: ignore[assignment]
