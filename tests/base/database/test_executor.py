"""A change to the database and its entry in the audit log are one transaction."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, InvalidRequestError
from sqlalchemy.orm import joinedload
from support.application.site import Site
from support.programs.processes import wait_until
from support.programs.threads import SOON_S, in_thread

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database.executor import DatabaseThread
from koyjabo.base.database.sqlite import FileLock
from koyjabo.base.models import ApiKey
from koyjabo.base.models.columns import Model
from koyjabo.base.settings.database_url import normal
from koyjabo.people.audit.log import Actor, Subject
from koyjabo.people.audit.queries import AuditRecord
from koyjabo.upkeep.recounts.recounts import TotalAdjuster

ENTRY = Actor(None, "", "", 1).entry("failed", Subject("total", "site", ""))


def test_change_and_its_entry_are_stored_together_or_not_at_all(database):
    def set_total(session) -> None:
        session.execute(text("UPDATE counters SET total = 5"))

    def has_no_entry(result: object) -> AuditRecord:
        raise ValueError("no entry")

    def fails(session) -> None:
        set_total(session)
        raise ValueError("no change")

    with Site(database.url) as site:
        write = site.services[TotalAdjuster]._database.write
        for change, audit, problem in ((set_total, has_no_entry, "no entry"), (fails, ENTRY, "no change")):
            with pytest.raises(ValueError, match=problem):
                write(change, audit=audit)
        assert site.rows("SELECT total FROM counters WHERE scope = 'site'") == [(0,)]
        assert site.rows("SELECT action FROM audit_log") == []
        write(set_total, audit=ENTRY)
        assert site.rows("SELECT total FROM counters WHERE scope = 'site'") == [(5,)]
        assert site.rows("SELECT action FROM audit_log") == [("failed",)]


@pytest.mark.both_kinds
def test_returned_row_has_the_relations_that_were_joined_and_loads_no_others(database):
    def add_key(session) -> ApiKey:
        key = ApiKey(id="1", name="Grafana", scopes="reports:read", prefix="kj_1", digest="d", created_ms=0)
        session.add(key)
        return key

    with Site(database.url) as site:
        executor = site.services[TotalAdjuster]._database
        executor.write(add_key)
        joined = executor.read(
            lambda session: session.scalars(select(ApiKey).options(joinedload(ApiKey.community))).one()
        )
        plain = executor.read(lambda session: session.scalars(select(ApiKey)).one())
    assert (joined.name, joined.community) == ("Grafana", None)
    with pytest.raises(InvalidRequestError, match=r"ApiKey\.community"):
        _ = plain.community


def test_no_relation_of_any_table_is_loaded_lazily():
    relations = [relation for mapper in Model.registry.mappers for relation in mapper.relationships]
    assert relations
    assert [str(relation) for relation in relations if relation.lazy != "raise"] == []


@pytest.mark.both_kinds
def test_transaction_goes_on_after_a_part_of_it_was_refused(database):
    """This happens when another worker has just inserted the same row."""

    def add_twice(session) -> int:
        session.execute(text("CREATE TEMPORARY TABLE refs (ref INTEGER PRIMARY KEY)"))
        for _ in range(2):
            with suppress(IntegrityError), session.begin_nested():
                session.execute(text("INSERT INTO refs VALUES (1)"))
        return session.scalar(text("SELECT count(*) FROM refs"))

    thread = DatabaseThread(make_url(normal(database.url, Path())), ThreadRuntime(), limit_s=5, writes=True)
    assert thread.run(add_twice) == 1
    thread.close()


def test_every_write_that_cannot_have_the_lock_is_given_up_in_time(sqlite_database):
    """This includes the first write, before any connection is open."""
    thread = DatabaseThread(make_url(sqlite_database.url), ThreadRuntime(), 0.6, writes=True, patience_s=0.6)
    with FileLock(str(sqlite_database.path)).held():
        for _ in range(2):
            given_up = in_thread(lambda: thread.run(lambda session: None))
            assert isinstance(given_up.exception(SOON_S), LedgerUnavailable)
    thread.close()


def test_threads_with_nothing_to_do_leave_a_file_that_was_replaced(sqlite_database):
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
        for read in (executor.read, executor.report, executor.scan, executor.background_read):
            read(lambda session: session.execute(text("SELECT total FROM counters")).all())
        with path.open():
            sqlite_database.remember().put_in_place(path)
            wait_until(lambda: left_open() == [f"{path} (deleted)"], "only this test has the old file open")
