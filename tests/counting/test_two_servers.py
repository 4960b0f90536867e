"""Separate servers on one database keep the ledger's promises as if they were one."""

from __future__ import annotations

import pytest
from support.checks import assert_exact
from support.crowd import Crowd
from support.processes import wait_until
from support.short_run import EVERYTHING

pytestmark = [pytest.mark.both_kinds, pytest.mark.waits]

VISITS, READS = (1000, 200) if EVERYTHING else (400, 60)


@pytest.fixture(scope="module")
def two_servers(module_database, module_servers):
    servers = [module_servers(module_database).launch() for _ in range(2)]
    return [server.wait_until_serving() for server in servers]


def test_visits_spread_over_two_servers_are_counted_as_by_one(two_servers):
    before = two_servers[0].stats().total
    with Crowd(two_servers, VISITS, seed=1) as crowd:
        pass
    assert (crowd.lost, crowd.refusals) == (0, [])
    assert_exact(crowd, two_servers[0], VISITS, before)
    assert two_servers[1].stats().total == before + VISITS


def test_kill_9_of_one_server_costs_no_visit_of_either(two_servers):
    killed, other = two_servers
    before = other.stats().total
    with Crowd(two_servers, VISITS, seed=2) as crowd:
        crowd.wait_for(VISITS // 3)
        killed.kill()
        crowd.wait_for(2 * VISITS // 3)
        killed.start()
    assert_exact(crowd, other, VISITS, before)
    assert killed.stats().total == before + VISITS


def test_what_one_server_acknowledged_the_other_shows_at_once(two_servers):
    """In both directions, with others registering meanwhile."""
    before = two_servers[0].stats().total
    with Crowd(two_servers, visits=3 * READS, clients=3, seed=3) as others:
        for number in range(READS):
            asked, shown = two_servers if number % 2 else two_servers[::-1]
            ordinal = asked.register("reader", visit=f"read-{number}").ordinal
            assert shown.stats().total >= ordinal
    assert others.surprises == []
    assert two_servers[0].stats().total == two_servers[1].stats().total == before + 4 * READS


def test_retry_to_the_other_server_returns_the_first_ordinal(two_servers):
    first, other = two_servers
    told = first.register("ayesha", visit="1")
    again = other.register("ayesha", visit="1")
    assert (again.ordinal, again.duplicate, again.stats.total) == (told.ordinal, True, told.ordinal)


def test_three_servers_started_at_once_make_one_database(database, new_server):
    servers = [new_server(database, STARTING_TOTAL=4000).launch() for _ in range(3)]
    for server in servers:
        server.wait_until_serving()
    assert database.rows("SELECT scope, total, visits FROM counters") == [("site", 4000, 0)]
    assert database.rows("SELECT count(*) FROM adjustments") == [(1,)]
    assert [server.register("ayesha").ordinal for server in servers] == [4001, 4002, 4003]
    assert len({server.stats().epoch for server in servers}) == 1
    assert "Traceback" not in "".join(server.log for server in servers)


def test_server_waits_for_a_database_that_comes_up_later(mortal_postgres, new_server):
    database = mortal_postgres.new_database()
    mortal_postgres.kill()
    server = new_server(database).launch()
    wait_until(lambda: "database_unreachable" in server.log, "it says what it waits for")
    mortal_postgres.start()
    assert server.wait_until_serving().register("ayesha").ordinal == 1
    assert server.log.count("database_unreachable") == 1
    assert "worker_died" not in server.log
