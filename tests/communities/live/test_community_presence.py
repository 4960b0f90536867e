"""A community's own numbers, who is there, and visits that say whose they are."""

from __future__ import annotations

import pytest
from support.account_calls import bearer, log_in
from support.app_fixtures import Site
from support.community_calls import PATH, Cast


@pytest.fixture(scope="module")
def site(module_database):
    with Site(module_database.url) as site:
        yield site


@pytest.fixture
def community(cast):
    return cast.community()


def test_visit_counts_in_both_scopes_and_its_answer_is_about_the_site(site, cast, community):
    before = site.stats()
    told = site.register("visitor-1", communityId=community).stats
    assert told["totalVisits"] == before["totalVisits"] + 1
    own = cast["member"].get(f"{PATH}/{community}/stats").json
    assert (own["totalVisits"], own["todayVisits"], own["uniqueVisitors"], own["activeUsers"]) == (1, 1, 1, 1)
    assert own["epoch"] == told["epoch"]


def test_numbers_of_a_community_are_not_sent_twice_to_whoever_has_them(cast, site, community):
    path = f"{PATH}/{community}/stats"
    site.register("visitor-2", communityId=community)
    first = cast["member"].get(path)
    same = cast["member"].get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    site.register("visitor-3", communityId=community)
    assert cast["member"].get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def people(cast: Cast, community: str) -> tuple[int, int]:
    today = cast["member"].get(f"{PATH}/{community}/visitors/today").json
    return today["authenticated_visitors"], today["anonymous_visitors"]


def register(site: Site, community: str, visitor: str, **request):
    body = {"visitorId": visitor, "communityId": community}
    answer = site.app.test_client(use_cookies=False).post("/api/visitor/register", json=body, **request)
    assert answer.status_code == 200, answer.text
    return answer


def test_visit_with_a_token_is_that_of_the_user(site, cast, community):
    gone = log_in(site, "newcomer")
    assert gone.post("/api/auth/logout").status_code == 204
    register(site, community, "browser-1", headers=bearer(cast["member"].access))
    register(site, community, "browser-2", headers=bearer(cast["member"].access))
    register(site, community, "browser-3")
    for token in ("x.y.z", gone.access, cast["newcomer"].refresh):
        register(site, community, f"browser-{token[:3]}-{token[-3:]}".replace(".", ""), headers=bearer(token))
    assert people(cast, community) == (1, 4), "tokens that cannot be used are those of nobody"
    assert site.recount() == []


def test_cookie_of_a_browser_says_whose_visit_it_is_but_not_from_a_foreign_page(site, cast):
    for origin, counted in ((None, (1, 0)), ("http://localhost", (1, 0)), ("https://evil.example", (0, 1))):
        community, client = cast.community(), site.app.test_client()
        client.set_cookie("access_token_cookie", cast["member"].access)
        body, headers = {"visitorId": "browser-5", "communityId": community}, {"Origin": origin} if origin else {}
        answer = client.post("/api/visitor/register", json=body, headers=headers)
        assert (answer.status_code, people(cast, community)) == (200, counted), origin
