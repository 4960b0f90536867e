"""kill -9 in the middle of the rush: no acknowledged visit is lost, no ordinal skipped or repeated."""

from __future__ import annotations

import pytest
from support.checks import assert_exact
from support.crowd import Crowd
from support.processes import wait_until

pytestmark = pytest.mark.waits

VISITS = 240


def test_no_acknowledged_visit_is_lost_by_kill_9(server):
    with Crowd([server], VISITS) as crowd:
        crowd.wait_for(VISITS // 2)
        server.kill()
        wait_until(lambda: crowd.lost, "clients go without an answer")
        server.start()
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


def test_server_waits_for_a_database_that_comes_up_later(mortal_postgres, new_server):
    database = mortal_postgres.new_database()
    mortal_postgres.kill()
    server = new_server(database).launch()
    wait_until(lambda: "database_unreachable" in server.log, "it says what it waits for")
    mortal_postgres.start()
    assert server.wait_until_serving().register("ayesha").ordinal == 1
    assert server.log.count("database_unreachable") == 1
    assert "worker_died" not in server.log
