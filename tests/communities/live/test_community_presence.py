"""A community's own numbers, who is there, and visits that say whose they are."""

from __future__ import annotations

import pytest
from support.account_calls import bearer, log_in, sign_up
from support.app_fixtures import Site, assert_error
from support.community_calls import PATH, Cast
from support.described import assert_described

EVERYBODY = ("site_admin", "admin", "moderator", "member", "outsider", "nobody")
CODES = {401: "unauthenticated", 403: "forbidden", 404: "unknown_community"}
CALLS = {
    "/stats": (200, 200, 200, 200, (403, 404), 401),
    "/visitors/realtime": (200, 200, 200, 200, (403, 404), 401),
    "/visitors/online": (200, 200, 200, 403, (403, 404), 401),
}


@pytest.fixture(scope="module")
def site(module_database):
    with Site(module_database.url) as site:
        yield site


@pytest.fixture
def community(cast):
    return cast.community()


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "unlisted"])
@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("path", CALLS)
def test_everybody_sees_what_their_role_allows_and_nothing_else(site, cast, path, who, listed):
    wanted = CALLS[path][EVERYBODY.index(who)]
    status = wanted if isinstance(wanted, int) else wanted[not listed]
    answer = cast.call(who, "GET", f"{PATH}/{cast.community(listed=listed)}{path}")
    assert_described(site, answer)
    if status in CODES:
        assert_error(answer, status, CODES[status])
    else:
        assert answer.status_code == status, answer.text
        assert answer.headers["Cache-Control"].startswith("private, no-")


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("community_id", ["none", "site", "00000000-0000-0000-0000-000000000000", "' OR 1=1", "%00"])
def test_id_of_no_community_is_unknown(cast, path, community_id):
    assert_error(cast.call("site_admin", "GET", f"{PATH}/{community_id}{path}"), 404, "unknown_community")


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
    register(site, community, "browser-1", headers=bearer(cast["member"].access))
    register(site, community, "browser-2", headers=bearer(cast["member"].access))
    register(site, community, "browser-3")
    assert people(cast, community) == (1, 1)


@pytest.mark.parametrize("token", ["rubbish", "revoked", "refresh"])
def test_visit_with_a_token_that_cannot_be_used_counts_as_anonymous(site, cast, community, token):
    sign_up(site, f"passer-by-{token}-{community[:6]}")
    person = log_in(site, f"passer-by-{token}-{community[:6]}")
    used = {"rubbish": "x.y.z", "revoked": person.access, "refresh": person.refresh}[token]
    if token == "revoked":
        assert person.post("/api/auth/logout").status_code == 204
    register(site, community, "browser-4", headers=bearer(used))
    assert people(cast, community) == (0, 1)


@pytest.mark.parametrize(
    ("origin", "counted"), [(None, (1, 0)), ("http://localhost", (1, 0)), ("https://evil.example", (0, 1))]
)
def test_cookie_of_a_browser_says_whose_visit_it_is_but_not_from_a_foreign_page(site, community, cast, origin, counted):
    client = site.app.test_client()
    client.set_cookie("access_token_cookie", cast["member"].access)
    headers = {"Origin": origin} if origin else {}
    answer = client.post(
        "/api/visitor/register", json={"visitorId": "browser-5", "communityId": community}, headers=headers
    )
    assert answer.status_code == 200, answer.text
    assert people(cast, community) == counted


def test_ledger_agrees_afterwards(site):
    assert site.recount() == []
