"""Database operations: one transaction each, with their arguments and their audit entry."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from support.app_fixtures import Site

from koyjabo.audit.log import Actor, Entry, Subject
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.runtime import ThreadRuntime

ACTIONS = "SELECT action, details FROM audit_log ORDER BY id"
SUBJECT = Subject("total", "site", "")


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        yield site


@pytest.fixture
def executor(site):
    executor = DatabaseExecutor(make_url(site.app.config["SQLALCHEMY_DATABASE_URI"]), ThreadRuntime())
    yield executor
    executor.close()


def entry(action: str, **details) -> Entry:
    return Actor(None, "", "", 1).entry(action, SUBJECT, **details)


def set_total(session, total: int, *, more: int = 0) -> int:
    session.execute(text("UPDATE counters SET total = :total"), {"total": total + more})
    return total + more


def total(session) -> int:
    return session.execute(text("SELECT total FROM counters")).scalar_one()


def test_operation_gets_its_arguments_after_the_session(executor):
    assert executor.write(set_total, 7, more=2) == 9
    assert [ask(total) for ask in (executor.read, executor.report, executor.long_read)] == [9, 9, 9]


def test_audit_is_an_entry_or_made_of_the_result(site, executor):
    executor.write(set_total, 1, audit=entry("fixed"))
    executor.write(set_total, 2, audit=lambda result: entry("made", result=result))
    executor.write(set_total, 3, audit=lambda result: None)
    assert site.rows(ACTIONS) == [("fixed", "{}"), ("made", '{"result": 2}')]


def test_change_and_its_entry_are_stored_together_or_not_at_all(site, executor):
    def broken(result: int) -> Entry:
        raise ValueError("no entry")

    def fails(session) -> None:
        raise ValueError("no change")

    before = executor.read(total)
    with pytest.raises(ValueError, match="no entry"):
        executor.write(set_total, 5, audit=broken)
    with pytest.raises(ValueError, match="no change"):
        executor.write(fails, audit=entry("failed"))
    assert (executor.read(total), site.rows(ACTIONS)) == (before, [])
