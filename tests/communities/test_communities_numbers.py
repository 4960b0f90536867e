"""A community is a scope of the ledger from founding to deletion, and its counts stay valid."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from support.application.site import Site, assert_error
from support.people.communities import PATH, found
from support.programs.patience import PATIENCE_S

from koyjabo.base.core.identity import Account
from koyjabo.communities.services import CommunityServices

THREADS = 4
ROUNDS = 6


@pytest.fixture
def site(database):
    with Site(database.url, STARTING_TOTAL=4000) as site:
        yield site


def test_community_created_during_an_epoch_change_gets_the_new_epoch(site, ayesha):
    account = Account(ayesha.id, ayesha.email, "Ayesha", False)
    for _ in range(ROUNDS):
        with ThreadPoolExecutor(2) as threads:
            begun = threads.submit(site.set_total, 10, new_epoch=True)
            founded = threads.submit(site.services[CommunityServices].directory.create, account, {"name": "Banani"})
            founded.result(PATIENCE_S)
            begun.result(PATIENCE_S)
        assert len(site.rows("SELECT DISTINCT epoch FROM counters")) == 1


def test_visits_to_a_deleted_community_still_count_for_the_site(site, ayesha):
    community = found(ayesha)["id"]
    for visitor in ("ayesha", "karim"):
        site.register(visitor, communityId=community)
    before = site.contents()
    ayesha.delete(f"{PATH}/{community}")
    after = site.contents()
    counters = [row for row in before.pop("counters") if row[0] != community]
    assert after.pop("counters") == counters
    assert after == before
    assert_error(site.post(json={"visitorId": "ayesha", "communityId": community}), 404, "unknown_community")
    assert site.register("salma").stats["uniqueVisitors"] == 3
    assert site.recount() == []


def test_visits_during_a_deletion_are_counted_or_refused(site, ayesha):
    for _ in range(2):
        community, begun, ended = found(ayesha)["id"], Event(), Event()
        total = site.stats()["totalVisits"]

        def visit(number: int, community=community, begun=begun, ended=ended) -> list[int]:
            client, statuses = site.app.test_client(), []
            while not statuses or statuses[-1] == 200 or not ended.is_set():
                body = {"visitorId": f"v{number}", "communityId": community}
                statuses.append(client.post("/api/visitor/register", json=body).status_code)
                begun.set()
            return statuses

        with ThreadPoolExecutor(THREADS) as threads:
            visits = [threads.submit(visit, number) for number in range(THREADS)]
            try:
                assert begun.wait(PATIENCE_S)
                assert ayesha.delete(f"{PATH}/{community}").status_code == 204
            finally:
                ended.set()
            statuses = [status for visit in visits for status in visit.result(PATIENCE_S)]
        assert set(statuses) == {200, 404}
        assert site.stats()["totalVisits"] == total + statuses.count(200)
        assert site.rows("SELECT * FROM counters WHERE scope = :id", id=community) == []
    assert site.recount() == []
