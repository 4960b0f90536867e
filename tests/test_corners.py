"""Rare combinations of failures: a lock, a log, a version, another server."""

import logging
from contextlib import suppress
from pathlib import Path

import pytest
from support.application.site import Site
from support.databases.database import EMPTY, SqliteDatabase

from koyjabo.base.database.file_lock import FileLock


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


def test_a_file_lock_that_cannot_be_opened_costs_each_visit_one_attempt(site, sqlite_database, monkeypatch, caplog):
    attempts, opened = [], FileLock._opened
    monkeypatch.setattr(FileLock, "_opened", lambda lock: attempts.append(lock) or opened(lock))
    lock = directory_for_a_lock(sqlite_database)
    assert [site.post(json={"visitorId": "ayesha"}).status_code for _ in range(3)] == [503] * 3
    assert len(attempts) == 3
    assert caplog.text.count("ledger_unavailable") == 1
    assert "ledger_recovered" not in caplog.text
    assert sqlite_database.rows("SELECT count(*) FROM visits") == [(0,)]
    lock.rmdir()
    assert site.register("ayesha").ordinal == 1
    assert caplog.text.count("ledger_recovered") == 1


def directory_for_a_lock(database: SqliteDatabase) -> Path:
    """A directory in place of the lock file, which the server creates before each write."""
    lock = Path(f"{database.path}.lock")
    while not lock.is_dir():
        lock.unlink(missing_ok=True)
        with suppress(FileExistsError):
            lock.mkdir()
    return lock


def test_an_etag_of_one_server_is_not_valid_for_another_server(site, sqlite_database):
    """Servers at the same revision may have different active visitors."""
    with Site(sqlite_database.url, site.time) as other:
        for opened in (site, other):
            opened.stats()  # the first numbers that a server shows have a new revision
        site.register("ayesha")
        shown = [server.client.get("/api/stats") for server in (site, other)]
        assert [answer.json["activeUsers"] for answer in shown] == [1, 0]
        assert len({answer.json["revision"] for answer in shown}) == 1
        known = {"If-None-Match": shown[0].headers["ETag"]}
        assert [server.client.get("/api/stats", headers=known).status_code for server in (site, other)] == [304, 200]


def test_the_options_in_the_url_of_a_postgresql_database_are_used(postgres):
    database = postgres.new_database(EMPTY)
    database.rows("CREATE SCHEMA other")
    url = f"{database.url}{'&' if '?' in database.url else '?'}options=-csearch_path%3Dother"
    with Site(url) as site:
        assert site.register().ordinal == 1
        assert site.stats()["totalVisits"] == 1
    assert database.rows("SELECT count(*) FROM other.visits") == [(1,)]
    assert database.rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_a_line_break_in_a_path_begins_no_line_in_the_log(sqlite_database, caplog):
    caplog.set_level(logging.DEBUG, "koyjabo.requests")
    with Site(sqlite_database.url, LOG_LEVEL="DEBUG") as site:
        site.client.get("/nowhere%0aforged%0dforged")
    messages = [record.getMessage() for record in caplog.records if record.name == "koyjabo.requests"]
    assert len(messages) == 1
    assert len(messages[0].splitlines()) == 1
