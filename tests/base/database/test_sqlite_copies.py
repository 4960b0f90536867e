"""A copy of a SQLite database is a snapshot, even during writes."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from types import SimpleNamespace

from koyjabo.base.database import sqlite

WRITES = 20
FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) INSERT INTO visits SELECT i, hex(i) FROM n
"""


def test_copy_is_as_of_one_moment(tmp_path, monkeypatch):
    with closing(sqlite.connect(str(tmp_path / "live.db"))) as live:
        live.execute("CREATE TABLE visits (id INTEGER PRIMARY KEY, page TEXT)")
        live.execute(FILL)
        written = []

        def write_meanwhile(_: float) -> None:
            if len(written) < WRITES:
                live.execute("UPDATE visits SET page = 'changed'")
                written.append(live.execute("INSERT INTO visits (page) VALUES ('new')").lastrowid)

        monkeypatch.setattr(sqlite, "time", SimpleNamespace(sleep=write_meanwhile, monotonic=time.monotonic))
        monkeypatch.setattr(sqlite, "PAGES", 1)
        to = str(tmp_path / "copy.db")
        with sqlite.copied(str(tmp_path / "live.db"), to), closing(sqlite3.connect(to)) as copy:
            assert written
            assert copy.execute("SELECT count(*), sum(page = 'changed') FROM visits").fetchone() == (400, 0)
    assert [path.name for path in tmp_path.glob("copy*")] == []
