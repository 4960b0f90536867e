"""Finds each visit's first page view, and repeated keys, using a temporary SQLite database. Exports have one line per
page view, in any order.

SQLite keeps up to CACHE_KB in memory and the rest in an unnamed file that disappears with the process
(https://www.sqlite.org/inmemorydb.html#temp_db).
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple, Self

from koyjabo.base.core.errors import Unusable

CACHE_KB = 65_536


class PageView(NamedTuple):
    """A page view. Texts are truncated to the lengths allowed in a stored visit. None means not recorded."""

    visit: str
    visitor: str
    at_ms: int
    number: int  # its line number
    page: str | None = None
    referrer: str | None = None
    campaign: str | None = None
    user_agent: str | None = None
    place: str | None = None
    language: str | None = None
    host: str | None = None  # the page's own


OF_VISITOR = ("user_agent", "place", "language", "host")
"""Fields that a program stores once per visitor."""

PRAGMAS = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -{CACHE_KB};
"""
SEEN_SCHEMA = f"{PRAGMAS} CREATE TABLE seen (visitor TEXT, visit TEXT, PRIMARY KEY (visitor, visit)) WITHOUT ROWID;"
SCHEMA = f"""
{PRAGMAS}
CREATE TABLE views (visit TEXT PRIMARY KEY, {", ".join(PageView._fields[1:])});
CREATE TABLE visitors (visitor TEXT PRIMARY KEY, {", ".join(OF_VISITOR)});
"""
KEEP_FIRST = f"""
INSERT INTO views VALUES ({", ".join("?" for _ in PageView._fields)})
ON CONFLICT (visit) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in PageView._fields[1:])}
WHERE excluded.at_ms < views.at_ms
"""
KEEP = f"INSERT OR REPLACE INTO visitors VALUES (:visitor, {', '.join(f':{name}' for name in OF_VISITOR)})"
EITHER = ", ".join(f"coalesce(v.{name}, w.{name})" if name in OF_VISITOR else f"v.{name}" for name in PageView._fields)
IN_ORDER = f"""
SELECT {EITHER} FROM views v LEFT JOIN visitors w USING (visitor) ORDER BY v.at_ms, v.number
"""


class TemporaryTables:
    """Tables in a temporary database."""

    SCHEMA = ""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    @classmethod
    @contextmanager
    def collected(cls) -> Iterator[Self]:
        """Open a context for collecting rows. Raises Unusable."""
        try:
            with closing(sqlite3.connect("", isolation_level=None)) as database:
                database.executescript(cls.SCHEMA)
                yield cls(database)
        except sqlite3.OperationalError as error:
            raise Unusable(
                f"The page views do not fit into a temporary file ({error}). Nothing was imported. Set TMPDIR to a "
                "folder with enough space."
            ) from None


class FirstViews(TemporaryTables):
    """The first page view of each visit. If several have the same time, the first line counts."""

    SCHEMA = SCHEMA

    def add(self, views: Iterable[PageView]) -> None:
        self._write(KEEP_FIRST, views)

    def describe(self, visitors: Iterable[dict[str, str | None]]) -> None:
        """Keep the fields OF_VISITOR of each `visitor`."""
        self._write(KEEP, visitors)

    def count(self) -> int:
        """The number of visits."""
        return int(self._database.execute("SELECT count(*) FROM views").fetchone()[0])

    def in_order(self) -> Iterator[PageView]:
        """Yield the page views in order of time."""
        return map(PageView._make, self._database.execute(IN_ORDER))

    def _write(self, statement: str, rows: Iterable[Any]) -> None:
        self._database.execute("BEGIN")
        self._database.executemany(statement, rows)
        self._database.execute("COMMIT")


class SeenKeys(TemporaryTables):
    """Remembers which keys in a file have been seen, in constant memory."""

    SCHEMA = SEEN_SCHEMA

    def add(self, key: tuple[str, str]) -> bool:
        """Add a key. Returns whether it is new."""
        return self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", key).rowcount == 1
