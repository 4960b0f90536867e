"""`koyjabo backup`, `restore`, `export` and `verify --repair` while servers are busy or killed."""

import os
import signal
import sqlite3
from contextlib import closing, suppress

import pytest
from support.application.site import Site
from support.assertions.ledger import assert_verified
from support.clients.listener import BOTH_KINDS
from support.clients.members import Member, PlainMember
from support.databases.database import SqliteDatabase
from support.programs.forking import Program
from support.programs.processes import wait_until
from support.sites.full_site import count_all

from koyjabo.counting.records import NewVisit

LONG_AGO_MS = 1_714_585_000_000
MANY = 6_000
MEMBERS_SEEN = "SELECT 1 FROM people WHERE person LIKE 'u:%'"


@pytest.fixture
def elsewhere(request, kind, tmp_path, new_server):
    """A server, not yet started, on a new database of the same kind."""
    if kind == "sqlite":
        return new_server(SqliteDatabase.migrated(tmp_path / "elsewhere.db"))
    return new_server(request.getfixturevalue("postgres").new_database())


@pytest.fixture
def file(tmp_path):
    return tmp_path / "koyjabo.backup"


def done(server, *arguments: str) -> str:
    """Run a command that must succeed, and return its output."""
    done = server.koyjabo(*map(str, arguments))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows(server, what: str) -> list:
    return server.database.rows(what)


def total(server) -> int:
    return rows(server, "SELECT total FROM counters WHERE scope = 'site'")[0][0]


def was_killed(process: Program, condition, what: str) -> bool:
    """Kill the program when `condition` is true. Returns False if it exited before that."""
    wait_until(lambda: condition() or process.poll() is not None, what, 60, 0.001)
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def test_a_restore_under_a_running_server_updates_its_open_pages_and_ends_its_sessions(server, file):
    member = Member(server)
    community = member.found()
    for number in range(5):
        server.register(f"v{number}", communityId=community)
    done(server, "backup", file)
    for number in range(5):
        server.register(f"later{number}")
    with BOTH_KINDS[0](server.port) as plain, BOTH_KINDS[1](server.port) as socketio:
        first = [page.first() for page in (plain, socketio)]
        seat = PlainMember(server.port, community, member.token)
        seat.wait_for_count(1)
        wait_until(lambda: rows(server, MEMBERS_SEEN), "they are in the reports")
        assert {stats.total for stats in first} == {10}
        refused = server.koyjabo("restore", str(file))
        assert refused.returncode == 1
        assert "--force" in refused.stderr
        done(server, "restore", file, "--force")
        for page in (plain, socketio):
            shown = page.wait_for_total(5)
            assert int(shown.epoch, 36) > int(first[0].epoch, 36)
            assert shown.revision > first[0].revision
        assert seat.wait_for_code() == 4002
        assert server.register("somebody").ordinal == 6
        for page in (plain, socketio):
            page.wait_for_total(6)
    assert member.call("GET", "/api/auth/me", status=401)["code"] == "invalid_token"
    member.log_in()
    assert member.call("GET", f"/api/communities/{community}/stats")["totalVisits"] == 5
    assert rows(server, MEMBERS_SEEN) == []
    with PlainMember(server.port, community, member.token) as again:  # in an hour that was already recorded
        again.wait_for_count(1)
        wait_until(lambda: rows(server, MEMBERS_SEEN), "they are in the reports again")
    assert_verified(server)


@pytest.mark.long(
    proved_by="upkeep/backups/test_backup_files.py::test_a_damaged_backup_or_one_with_a_wrong_head_changes_nothing"
)
def test_a_restore_that_is_killed_has_changed_nothing(server, elsewhere, file):
    """The backup has one visit per hour."""
    with Site(elsewhere.database.url) as site:
        count_all(site, (NewVisit(f"v{n % 3000}", str(n), at_ms=LONG_AGO_MS + n * 3_600_000) for n in range(MANY)))
    done(elsewhere, "backup", file)
    server.register("ayesha", visit="1")
    server.stop()
    assert was_killed(server.begin("restore", file, "--force"), lambda: is_being_written(server), "it restores")
    server.start()
    assert server.stats().total == 1
    assert server.register("ayesha", visit="1").duplicate
    assert_verified(server)
    done(server, "restore", file, "--force")
    assert total(server) == MANY


def is_being_written(server) -> bool:
    if server.database.kind == "postgres":
        locks = "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE datname = current_database()"
        return bool(rows(server, f"{locks} AND mode = 'ExclusiveLock' AND relation = 'visits'::regclass"))
    with closing(sqlite3.connect(server.database.path, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        connection.rollback()
        return False


def test_a_repair_works_while_the_server_runs_and_names_the_rest_of_the_damage(server):
    for visitor in ("ayesha", "karim"):
        server.register(visitor)
    rows(server, "UPDATE daily_visits SET visits = 7")
    rows(server, "UPDATE counters SET total = 9, visits = 9")
    assert server.koyjabo("verify").returncode == 1
    assert done(server, "verify", "--repair").count("counters: site") == 2
    assert (server.stats().total, server.stats().today) == (2, 2)
    assert server.register("nila").ordinal == 3
    rows(server, "DELETE FROM visits WHERE id = 2")
    left = server.koyjabo("verify", "--repair")
    assert left.returncode == 1
    assert " visits: " in left.stdout
