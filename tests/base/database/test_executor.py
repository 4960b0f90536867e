"""Changes, jobs and lookups: what is one transaction, what is done in groups, and for how long callers wait."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from support.application.site import Site
from support.clients.members import Member, promote
from support.databases.at_once import hold_for_two
from support.programs.processes import wait_until
from support.programs.threads import SOON_S, in_thread
from support.servers.changed_server import TRESPASS, ChangedServer

from koyjabo.base.core.errors import KoyJaboError, LedgerUnavailable
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database.executor import DatabaseThread
from koyjabo.base.database.file_lock import FileLock
from koyjabo.base.settings.database_url import normal
from koyjabo.integrations.api_keys.api_keys import ApiKeys, TooManyKeys
from koyjabo.upkeep.recounts.total import TotalAdjuster


@pytest.mark.both_kinds
def test_a_transaction_continues_after_the_database_has_refused_a_part_of_it(database):
    """This happens when another worker has just inserted the same row."""

    def add_twice(session) -> int:
        session.execute(text("CREATE TEMPORARY TABLE refs (ref INTEGER PRIMARY KEY)"))
        for _ in range(2):
            with suppress(IntegrityError), session.begin_nested():
                session.execute(text("INSERT INTO refs VALUES (1)"))
        return session.scalar(text("SELECT count(*) FROM refs"))

    thread = DatabaseThread(
        make_url(normal(database.url, Path())), ThreadRuntime(), limit_s=5, writes=True, patience_s=60
    )
    assert thread.run(add_twice) == 1
    thread.close()


def test_a_write_that_cannot_get_the_file_lock_fails_in_time(sqlite_database):
    """This includes the first write, before any connection is open."""
    thread = DatabaseThread(make_url(sqlite_database.url), ThreadRuntime(), 0.6, writes=True, patience_s=0.6)
    with FileLock(str(sqlite_database.path)).held():
        for _ in range(2):
            given_up = in_thread(lambda: thread.run(lambda session: None))
            assert isinstance(given_up.exception(SOON_S), LedgerUnavailable)
    thread.close()


def test_an_idle_database_thread_closes_a_file_that_was_replaced(sqlite_database):
    """They leave it even if the new file has the same visits, so that no visit is missing and no epoch starts."""
    path = sqlite_database.path

    def left_open() -> list[str]:
        names = []
        for link in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):  # the descriptor of the directory itself
                names.append(os.readlink(link))
        return [name for name in names if name.startswith(str(path)) and name.endswith("(deleted)")]

    with Site(sqlite_database.url) as site:
        site.services.start()
        executor = site.services[TotalAdjuster]._database
        for read in (executor.read, executor.report, executor.scan):
            read(lambda session: session.execute(text("SELECT total FROM counters")).all())
        with path.open():
            sqlite_database.remember().put_in_place(path)
            wait_until(lambda: left_open() == [f"{path} (deleted)"], "only this test has the old file open")


READS = ("stats", "members", "visitors", "visitors/today", "visitors/trends", "visitors/realtime")
REPORTS = ("summary", "timeline", "breakdown?by=page", "summary?range=yesterday&page=/")
"""Reports from sums and from rows, and for past days with cached results."""

AT_ONCE = json.dumps(
    {
        "koyjabo.columns.block_writer.STORING_POLL_S": 0.2,
        "koyjabo.columns.blocks.block.MAX_BLOCK_ROWS": 4,
        "koyjabo.columns.blocks.block_queries.MAX_BLOCK_ROWS": 4,
    }
)


@pytest.mark.honest_start
def test_no_real_thread_uses_a_lock_of_the_event_loop(database, redis_server, tmp_path):
    server = ChangedServer(database, tmp_path, CHANGES=AT_ONCE, WATCHED=1, REDIS_URL=redis_server.url)
    try:
        admin = Member(server.start())
        promote(server, admin)
        use(server, admin)
        wait_until(lambda: "nightly_work_done" in server.log, "the work of the night is done", 60)
        assert server.stop().status == 0
        assert TRESPASS not in server.log, server.log
        with Site(database.url) as site:
            assert site.recount() == []
    finally:
        server.kill()


def use(server: ChangedServer, admin: Member) -> None:
    """Use everything that runs in threads: visits, lookups and changes, reports, a recount, passwords."""
    community = admin.found()
    with ThreadPoolExecutor(4) as clients:
        visits = [clients.submit(admin.visit, f"visitor{number}", community) for number in range(8)]
        joined = [clients.submit(lambda: Member(server).join(community)) for _ in range(2)]
        read = [clients.submit(admin.call, "GET", f"/api/communities/{community}/{path}") for path in READS]
    for done in (*visits, *joined, *read):
        done.result()
    wait_until(lambda: server.database.rows("SELECT 1 FROM watermarks WHERE name = 'blocks'"), "blocks are stored")
    for path in REPORTS:
        admin.call("GET", f"/api/reports/{path}")
    admin.send_form("/receipt/recount")
    recounts = "SELECT 1 FROM audit_log WHERE action = 'ledger.recounted'"
    wait_until(lambda: server.database.rows(recounts), "it is recounted", 60)


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_two_workers_that_add_rows_at_once_do_not_exceed_the_limit(database, monkeypatch):
    """The first to count inserts only after the other has counted, or is waiting for it."""
    monkeypatch.setattr("koyjabo.integrations.api_keys.api_keys.MAX_API_KEYS", 1)
    with (
        Site(database.url) as one,
        Site(database.url) as other,
        ThreadPoolExecutor(2) as threads,
        hold_for_two(database, "INSERT INTO api_keys"),
    ):
        outcomes = list(threads.map(outcome, (one, other)))
    assert sorted(outcomes, key=str) == sorted([None, TooManyKeys], key=str)


def outcome(worker: Site) -> type[KoyJaboError] | None:
    try:
        worker.services[ApiKeys].create(OPERATOR, "Grafana", ("stats:read",))
    except KoyJaboError as error:
        return type(error)
    return None
