"""The reason why writes fail, derived from the driver's error."""

import sqlite3
from contextlib import closing

import psycopg2

from koyjabo.base.database.outage_causes import AWAY, FULL, LOCKED, READ_ONLY, REFUSED, STANDBY, cause_of, waiting_helps


def test_causes_of_an_outage_follow_the_driver_errors(tmp_path):
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
    assert cause_of(PermissionError(13, "Permission denied")) == READ_ONLY
    assert cause_of(ValueError("?")) == ""


TCP = 'connection to server at "db.invalid", port 5432 failed: '
CONNECTING = {
    TCP + "Connection refused": AWAY,
    TCP + "timeout expired": AWAY,
    TCP + "FATAL:  the database system is starting up": AWAY,
    TCP + "FATAL:  sorry, too many clients already": AWAY,
    TCP + "server closed the connection unexpectedly": AWAY,
    'could not translate host name "db.invalid" to address: Name or service not known': AWAY,
    TCP + "session is read-only": READ_ONLY,
    TCP + "server is in hot standby mode": STANDBY,
    TCP + 'FATAL:  password authentication failed for user "authentication failed"': REFUSED,
    TCP + 'FATAL:  no pg_hba.conf entry for host "192.0.2.1", user "me", database "x", no encryption': REFUSED,
    TCP + 'FATAL:  database "x" does not exist': REFUSED,
    TCP + 'FATAL:  permission denied for database "x"': REFUSED,
    TCP + 'FATAL:  unrecognized configuration parameter "a"': REFUSED,
    TCP + "server does not support SSL, but SSL was required": REFUSED,
    TCP + "SSL error: certificate verify failed": REFUSED,
    'invalid sslmode value: "no-verify"': REFUSED,
}


def test_cause_of_a_failed_connection_comes_from_the_words_and_not_from_names():
    """They have no SQLSTATE. Waiting helps unless the server or the driver refuses for good."""
    errors = {psycopg2.OperationalError(text): cause for text, cause in CONNECTING.items()}
    assert {str(error): cause_of(error) for error in errors} == CONNECTING
    assert [str(error) for error, cause in errors.items() if waiting_helps(error) != (cause != REFUSED)] == []


def error_of(connection: sqlite3.Connection, statement: str) -> sqlite3.Error:
    try:
        connection.execute(statement)
    except sqlite3.Error as error:
        return error
    raise AssertionError(statement)
