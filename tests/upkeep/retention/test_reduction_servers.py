"""Old visits are reduced while a real server counts others. A process that is killed leaves nothing wrong."""

import signal

import pytest
from sqlalchemy.engine import make_url
from support.application.site import Site, Time
from support.assertions.ledger import assert_exact
from support.clients.concurrent_registrations import Crowd
from support.programs.processes import run
from support.programs.zone import ZONE

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import SITE, Scope
from koyjabo.counting.ledger_store import open_store
from koyjabo.counting.records import NewVisit

COMMUNITY = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"
DAY_MS = 86_400_000
VISITS = 1_200


@pytest.fixture
def server(database, new_server):
    """A server with visits that are 370 to 400 days old. Tonight's work is already done."""
    with Site(database.url) as site:
        site.add_community(COMMUNITY)
    clock = Clock(ZONE)
    store = open_store(make_url(database.url), clock)
    visits = []
    for number in range(VISITS):
        at_ms = clock.now_ms() - 400 * DAY_MS + 30 * DAY_MS * number // VISITS
        scope = Scope(SITE if number % 3 else COMMUNITY)
        visits.append((NewVisit(f"old-{number % 300}", None, scope, at_ms=at_ms), f"~{number}"))
    with store.writing():
        store.commit(visits)
    store.close()
    return new_server(database).start()


REDUCE = """
import os, signal
from itertools import count
from sqlalchemy import event
from sqlalchemy.orm import Session
from koyjabo import create_app
from koyjabo.upkeep.retention.retention import Retention

app, commits = create_app(), count(1)
services = app.extensions["koyjabo"]

@event.listens_for(Session, "before_commit")
def die_during_the_last_transaction(session):
    if next(commits) == 6:
        os.kill(os.getpid(), signal.SIGKILL)

with app.app_context():
    retention = services[Retention]
    retention.reduce(retention.first_kept())
"""
"""Reduces old visits, as the nightly work does, until kill -9 ends it during its sixth transaction."""


def reduced(database) -> int:
    return database.rows("SELECT count(*) FROM visits WHERE visitor_number IS NOT NULL")[0][0]


def test_a_killed_reduction_leaves_nothing_wrong_and_a_busy_server_loses_no_visit(server, database):
    with Crowd([server], visits=40, clients=4, seed=3, goes_on=True) as crowd:
        crowd.wait_for(40)
        killed = run("-c", REDUCE, **server.settings)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        left = VISITS - reduced(database)
        assert 0 < left < VISITS
        with Site(database.url) as site:
            assert site.recount() == []
        with Site(database.url, Time(Clock(ZONE).now_ms())) as site:
            assert site.reduce().visits == left
    assert (crowd.lost, crowd.refusals, reduced(database)) == (0, [], VISITS)
    assert database.rows("SELECT count(*) FROM visits") == [(VISITS + crowd.acknowledged,)]
    assert_exact(crowd, server, before=VISITS)
    assert database.rows("SELECT count(*) FROM visitors WHERE visitor_id LIKE 'old-%'") == [(0,)]
