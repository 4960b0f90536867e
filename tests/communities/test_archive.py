"""A community is a scope of the ledger. Its numbers stay exact when it is created, archived, restored or deleted."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from support.application.site import Site, assert_error, site_fixture
from support.people.accounts import log_in, sign_up
from support.people.communities import PATH, account_of, found, give
from support.programs.patience import PATIENCE_S

from koyjabo.communities.communities import Communities
from koyjabo.communities.services import CommunityServices

THREADS = 4
ROUNDS = 6


site = site_fixture(STARTING_TOTAL=4000)


@pytest.fixture
def community(ayesha) -> str:
    return found(ayesha)["id"]


@pytest.fixture
def directory(site) -> Communities:
    return site.services[CommunityServices].directory


def counter(site: Site, community: str) -> list[tuple]:
    return site.rows("SELECT visits, total, unique_visitors FROM counters WHERE scope = :id", id=community)


def test_an_archived_community_is_unknown_to_its_members_and_to_site_admins(site, ayesha, admin, directory, community):
    first = site.register("v1", communityId=community, visitId="1")
    directory.archive(admin, community.upper())
    total, here, boss = site.stats()["totalVisits"], f"{PATH}/{community}", log_in(site, "boss")
    calls = [("PATCH", "", {"name": "Ours"}), ("DELETE", "", None), ("POST", "/join", {}), ("POST", "/leave", None)]
    calls += [("PUT", f"/members/{boss.id}", {"role": "member"}), ("DELETE", f"/members/{ayesha.id}", None)]
    reports = [f"/visitors{path}" for path in ("", "/today", "/growth", "/trends", "/realtime", "/online")]
    calls += [("GET", path, None) for path in ("", "/members", "/stats", *reports)]
    for person in (ayesha, boss):
        for method, path, body in calls:
            answer = person.call(method, here + path, **({} if body is None else {"json": body}))
            assert_error(answer, 404, "unknown_community")
        assert community not in [community["id"] for community in person.get(PATH).json]
    assert_error(site.post(json={"visitorId": "v2", "communityId": community}), 404, "unknown_community")
    again = site.register("v1", communityId=community, visitId="1")
    assert (again.ordinal, again.duplicate) == (first.ordinal, True), "a retry of a visit of before"
    assert site.stats()["totalVisits"] == total


def test_a_restored_community_has_all_its_data(site, ayesha, admin, directory, community):
    other = sign_up(site, "other")
    give(ayesha, community, other, "moderator")
    for visitor in ("v1", "v2", "v1"):
        site.register(visitor, communityId=community)
    site.time.pass_(days=1)
    site.register("v3", communityId=community)
    paths = ("", "/members", "/visitors", "/visitors/trends", "/visitors/growth")
    before = [ayesha.get(f"{PATH}/{community}{path}").json for path in paths]
    stats, kept = ayesha.get(f"{PATH}/{community}/stats").json, counter(site, community)
    directory.archive(admin, community)
    assert counter(site, community) == []
    assert site.recount() == []
    site.time.pass_(seconds=1)
    directory.restore(admin, community)
    assert (counter(site, community), kept) == (kept, [(4, 4, 3)])
    assert [ayesha.get(f"{PATH}/{community}{path}").json for path in paths] == before
    after = ayesha.get(f"{PATH}/{community}/stats").json
    assert after["revision"] > stats["revision"]
    assert site.register("v1", communityId=community).duplicate is False
    assert counter(site, community) == [(5, 5, 3)]
    assert site.recount() == []
    directory.archive(admin, community)
    site.set_total(10, new_epoch=True)
    directory.restore(admin, community)
    assert len(site.rows("SELECT DISTINCT epoch FROM counters")) == 1, "it counts in the epoch of the site"


@pytest.mark.both_kinds
def test_a_restored_community_keeps_the_visits_that_the_database_lost(site, admin, directory, community, database):
    site.register("v1", communityId=community)
    remembered = database.remember()
    site.register("v2", communityId=community)
    database.go_back(remembered)
    site.register("v3", communityId=community)
    kept = counter(site, community)
    directory.archive(admin, community)
    directory.restore(admin, community)
    assert (counter(site, community), kept) == ([(2, 3, 2)], [(2, 3, 2)])
    assert site.recount() == []


def test_the_numbers_stay_exact_when_visits_arrive_during_archiving(site, admin, directory, community):
    def visit(number: int) -> list[int]:
        client = site.app.test_client()
        bodies = [{"visitorId": f"v{number}-{turn}", "communityId": community} for turn in range(10)]
        return [client.post("/api/visitor/register", json=body).status_code for body in bodies]

    with ThreadPoolExecutor(4) as threads:
        visits = [threads.submit(visit, number) for number in range(4)]
        for _ in range(5):
            directory.archive(admin, community)
            directory.restore(admin, community)
        answers = [status for visit in visits for status in visit.result(60)]
    assert set(answers) <= {200, 404}
    counted = answers.count(200)
    assert counter(site, community) == [(counted, counted, counted)]
    assert site.recount() == []


def test_a_community_created_during_an_epoch_change_gets_the_new_epoch(site, ayesha):
    account = account_of(ayesha)
    for _ in range(ROUNDS):
        with ThreadPoolExecutor(2) as threads:
            begun = threads.submit(site.set_total, 10, new_epoch=True)
            founded = threads.submit(site.services[CommunityServices].directory.create, account, {"name": "Banani"})
            founded.result(PATIENCE_S)
            begun.result(PATIENCE_S)
        assert len(site.rows("SELECT DISTINCT epoch FROM counters")) == 1


def test_the_visits_of_a_deleted_community_still_count_for_the_site(site, ayesha):
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


def test_a_visit_during_the_deletion_of_a_community_is_counted_or_refused(site, ayesha):
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
