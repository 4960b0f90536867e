"""The reason why writes fail, derived from the driver's error."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from koyjabo.database.outage_causes import AWAY, FULL, LOCKED, cause_of


def test_errors_of_the_driver_are_told_apart(tmp_path):
    with (
        closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as one,
        closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as two,
    ):
        one.execute("BEGIN IMMEDIATE")
        assert cause_of(error_of(two, "BEGIN IMMEDIATE")) == LOCKED
    with closing(sqlite3.connect(tmp_path / "b.db")) as small:
        small.execute("PRAGMA max_page_count = 1")
        assert cause_of(error_of(small, "CREATE TABLE a (b)")) == FULL
    assert cause_of(sqlite3.OperationalError("the database file /a.db is gone")) == AWAY
    assert cause_of(OSError(28, "No space left on device")) == FULL
    assert cause_of(ValueError("?")) == ""


def error_of(connection: sqlite3.Connection, statement: str) -> sqlite3.Error:
    try:
        connection.execute(statement)
    except sqlite3.Error as error:
        return error
    raise AssertionError(statement)
