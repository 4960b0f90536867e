"""An archived community seems to be gone, and is unchanged when it is restored."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site, assert_error
from support.people.accounts import log_in, sign_up
from support.people.communities import PATH, found, give

from koyjabo.base.core.errors import UnknownCommunity
from koyjabo.communities.communities import Communities
from koyjabo.communities.services import CommunityServices

NOBODY = "3f2b8c1e-0000-4000-8000-000000000000"


@pytest.fixture
def site(database):
    with Site(database.url, STARTING_TOTAL=4000) as site:
        yield site


@pytest.fixture
def community(ayesha) -> str:
    return found(ayesha)["id"]


@pytest.fixture
def directory(site) -> Communities:
    return site.services[CommunityServices].directory


def counter(site: Site, community: str) -> list[tuple]:
    return site.rows("SELECT visits, total, unique_visitors FROM counters WHERE scope = :id", id=community)


def test_archived_community_is_unknown_to_everyone(site, ayesha, admin, directory, community):
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


def test_restored_community_has_all_its_data(site, ayesha, admin, directory, community):
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
    numbers = ("totalVisits", "uniqueVisitors", "todayVisits", "epoch")
    assert [after[number] for number in numbers] == [stats[number] for number in numbers]
    assert site.register("v1", communityId=community).duplicate is False
    assert counter(site, community) == [(5, 5, 3)]
    assert site.recount() == []
    directory.archive(admin, community)
    site.set_total(10, new_epoch=True)
    directory.restore(admin, community)
    assert len(site.rows("SELECT DISTINCT epoch FROM counters")) == 1, "it counts in the epoch of the site"


@pytest.mark.both_kinds
def test_restored_community_keeps_the_visits_that_the_database_lost(site, admin, directory, community, database):
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


def test_numbers_stay_exact_when_visits_arrive_during_archiving(site, admin, directory, community):
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


def test_archiving_and_restoring_are_idempotent(site, admin, directory, community):
    site.register("v1", communityId=community)
    for _ in range(2):
        directory.archive(admin, community)
        site.time.pass_(seconds=1)
    assert directory.find(admin, community).archived_ms == site.time.ms - 2000
    for _ in range(2):
        directory.restore(admin, community)
    assert counter(site, community) == [(1, 1, 1)]
    for method in (directory.archive, directory.restore, directory.find):
        with pytest.raises(UnknownCommunity):
            method(admin, NOBODY)
