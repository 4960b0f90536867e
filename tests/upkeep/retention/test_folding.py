"""Old visits are rolled up while a real server runs."""

import pytest
from sqlalchemy.engine import make_url
from support.application.site import Site
from support.assertions.ledger import assert_exact
from support.clients.concurrent_registrations import Crowd
from support.programs.zone import ZONE

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import Scope
from koyjabo.counting.ledger import open_store
from koyjabo.counting.records import NewVisit

HERE = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"
DAY_MS = 86_400_000
VISITS = 300
"""Only a few: on a busy machine each transaction takes a long time, and prune pauses for twice as long after it."""


@pytest.fixture
def server(database, new_server):
    """A server with visits that are 370 to 400 days old. Tonight's work is already done."""
    with Site(database.url) as site:
        site.add_community(HERE)
    clock = Clock(ZONE)
    store, visits = open_store(make_url(database.url), clock), []
    for number in range(VISITS):
        at_ms = clock.now_ms() - 400 * DAY_MS + 30 * DAY_MS * number // VISITS
        visit = NewVisit(f"visitor-{number}", None, Scope("site" if number % 3 else HERE), at_ms=at_ms)
        visits.append((visit, f"~{number}"))
    with store.writing():
        store.commit(visits)
    store.close()
    database.rows(f"INSERT INTO nightly_work VALUES ('retention', '{clock.today()}', '', {clock.now_ms()}, 0)")
    return new_server(database).start()


def rows(database) -> int:
    return database.rows("SELECT count(*) FROM visits")[0][0]


def test_pruning_a_busy_server_loses_no_visit(server, database):
    of_all, of_some = (server.koyjabo("prune", "--dry-run", *more).stdout for more in ((), ("--days", "390")))
    assert f": {VISITS}. Nothing was changed." in of_all
    assert 0 < int(of_some.partition(": ")[2].partition(".")[0]) < rows(database) == VISITS
    with Crowd([server], visits=100, seed=3, goes_on=True) as crowd:
        crowd.wait_for(100)
        pruned = server.koyjabo("prune")
        assert pruned.returncode == 0, pruned.stderr
    assert f"Rolled up {VISITS} visits from before" in pruned.stdout
    assert (crowd.lost, crowd.refusals) == (0, [])
    assert rows(database) == crowd.acknowledged
    assert_exact(crowd, server, before=VISITS)
