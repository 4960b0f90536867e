"""Separate servers on one database act as one, and kill -9 under load loses nothing."""

import pytest
from support.assertions.ledger import assert_exact, assert_retries_have_the_same_answer, assert_verified
from support.clients.concurrent_registrations import Crowd
from support.programs.processes import wait_until

VISITS, READS, RUSH = 200, 30, 80


@pytest.mark.both_kinds
def test_visit_that_one_server_acknowledged_is_shown_and_recognised_by_the_other(database, new_server):
    """This works in both directions, while other visits arrive. Both servers start at the same time."""
    servers = [new_server(database, STARTING_TOTAL=4000).launch() for _ in range(2)]
    two_servers = [server.wait_until_serving() for server in servers]
    before, ordinals = two_servers[0].stats().total, []
    assert database.rows("SELECT total_after FROM adjustments") == [(4000,)]
    assert len({server.stats().epoch for server in two_servers}) == 1
    with Crowd(two_servers, VISITS, clients=4, seed=before) as crowd:
        for number in range(READS):
            asked, other = two_servers if number % 2 else two_servers[::-1]
            ordinals.append(asked.register("reader", visit=f"{before}-{number}").ordinal)
            assert other.stats().total >= ordinals[-1]
            again = other.register("reader", visit=f"{before}-{number}")
            assert (again.ordinal, again.duplicate) == (ordinals[-1], True)
    assert (crowd.lost, crowd.refusals, crowd.surprises) == (0, [], [])
    assert sorted([*crowd.first_ordinals, *ordinals]) == list(range(before + 1, before + VISITS + READS + 1))
    assert_retries_have_the_same_answer(crowd)
    assert two_servers[0].stats().total == two_servers[1].stats().total == before + VISITS + READS
    assert_verified(two_servers[0])
    assert "Traceback" not in "".join(server.log for server in two_servers)


def test_no_acknowledged_visit_is_lost_by_kill_9(server):
    with Crowd([server], RUSH, goes_on=True) as crowd:
        crowd.wait_for(RUSH)
        server.kill()
        wait_until(lambda: crowd.lost, "clients go without an answer")
        server.start()
    assert_exact(crowd, server)
