"""kill -9 in the middle of the rush: no acknowledged visit is lost, no ordinal skipped or repeated."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack

import pytest
from support.checks import assert_exact
from support.crowd import Crowd
from support.processes import is_gone, wait_until
from support.short_run import EVERYTHING

pytestmark = pytest.mark.waits

VISITS = 1200 if EVERYTHING else 600


def test_no_acknowledged_visit_is_lost_by_kill_9(server):
    with Crowd([server], VISITS) as crowd:
        crowd.wait_for(VISITS // 2)
        server.kill()
        server.start()
    assert crowd.lost > 0, "the kill hit no client"
    assert_exact(crowd, server, VISITS)


def test_no_acknowledged_visit_is_lost_when_postgres_is_killed_too(mortal_postgres, new_server):
    server = new_server(mortal_postgres.new_database()).start()
    with Crowd([server], VISITS) as crowd:
        crowd.wait_for(VISITS // 3)
        mortal_postgres.kill()
        wait_until(lambda: crowd.refusals, "visits are refused while there is no database")
        mortal_postgres.start()
        crowd.wait_for(2 * VISITS // 3)
        assert (server.log.count("ledger_unavailable"), server.log.count("ledger_recovered")) == (1, 1), server.log
        server.kill()
        server.start()
    assert set(crowd.refusals) == {("2", "ledger_unavailable")}
    assert_exact(crowd, server, VISITS)


def test_same_visit_sent_by_many_at_once_counts_once(server):
    crowds = [Crowd([server], visits=50, clients=8, retries=0) for _ in range(4)]  # all with the same visits
    with ExitStack() as together:
        for crowd in crowds:
            together.enter_context(crowd)
    for visit in crowds[0].told:
        answers = [crowd.told[visit][0] for crowd in crowds]
        assert len({told.ordinal for told in answers}) == 1
        assert [told.duplicate for told in answers].count(False) == 1
    assert crowds[0].first_ordinals == list(range(1, 51))
    assert server.stats().total == 50


def test_workers_leave_when_their_parent_was_killed(sqlite_database, new_server):
    server = new_server(sqlite_database).start()
    workers = server.workers()
    os.kill(server.pid, signal.SIGKILL)
    assert workers
    wait_until(lambda: all(map(is_gone, workers)), "the worker is gone, too")
