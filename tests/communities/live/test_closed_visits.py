"""Visits that a community counts, and the people they belong to."""

from support.application.site import Site
from support.people.accounts import Person, bearer, log_in
from support.people.communities import PATH, Cast, found


def visit(site: Site, community: str, visitor: str, who: Person | None = None, headers=None, **fields) -> dict:
    headers = {**(headers or {}), **({"Authorization": f"Bearer {who.access}"} if who else {})}
    body = {"visitorId": visitor, "communityId": community, **fields}
    answer = site.app.test_client(use_cookies=False).post("/api/visitor/register", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json


def counted(site: Site, cast: Cast, community: str) -> tuple[int, int, int]:
    """The community's visits, active visitors and anonymous people."""
    stats = cast["admin"].get(f"{PATH}/{community}/stats").json
    today = cast["admin"].get(f"{PATH}/{community}/visitors/today").json
    return stats["totalVisits"], stats["activeUsers"], today["anonymous_visitors"]


def test_a_closed_community_counts_only_the_visits_of_members(site, cast):
    community = cast.community(open=False, listed=False)
    before = site.stats()["totalVisits"]
    for visitor, who in (("ghost", None), ("outsider", cast["outsider"]), ("boss", cast["site_admin"])):
        answer = visit(site, community, f"{visitor} {community}".replace(" ", "-"), who)
        assert answer["visit"]["duplicate"] is False
    assert counted(site, cast, community) == (0, 0, 0)
    for number, part in enumerate(("admin", "moderator", "member"), 1):
        visit(site, community, f"{part}-{community}", cast[part])
        assert counted(site, cast, community) == (number, number, 0)
    assert site.stats()["totalVisits"] == before + 6, "the site counts all of them"
    path = f"{PATH}/{community}/members/{cast['member'].id}"
    assert cast["admin"].delete(path).status_code == 204
    visit(site, community, f"removed-{community}", cast["member"])
    assert counted(site, cast, community) == (3, 3, 0)
    assert site.recount() == []


def test_an_anonymous_visit_by_a_member_counts_without_the_user(site, cast):
    for request in ({"anonymous": True}, {"headers": {"Sec-GPC": "1"}}):
        community = cast.community(open=False)
        visitor = f"unnamed-{community}"
        visit(site, community, visitor, cast["member"], **request)
        visit(site, community, visitor, cast["outsider"], **request)
        assert counted(site, cast, community) == (1, 1, 1)
        stored = site.rows("SELECT visitor_id, user_id FROM visits WHERE scope = :id", id=community)
        assert [(name.startswith("anonymous_"), user) for name, user in stored] == [(True, None)]
        assert visitor not in str(site.contents())
    assert site.recount() == []


def test_the_token_identifies_the_user_of_a_visit(site, cast):
    community, gone = cast.community(), log_in(site, "newcomer")
    assert gone.post("/api/auth/logout").status_code == 204
    for number, who in enumerate((cast["member"], cast["member"], None)):
        visit(site, community, f"browser-{number}", who)
    for number, token in enumerate(("x.y.z", gone.access, cast["newcomer"].refresh)):
        visit(site, community, f"stranger-{number}", headers=bearer(token))
    assert people(cast, community) == (1, 4), "tokens that cannot be used count as none"
    assert site.recount() == []


def people(cast: Cast, community: str) -> tuple[int, int]:
    today = cast["member"].get(f"{PATH}/{community}/visitors/today").json
    return today["authenticated_visitors"], today["anonymous_visitors"]


def test_a_login_cookie_identifies_the_user_of_a_visit_except_from_other_sites(site, cast):
    for origin, counted in ((None, (1, 0)), ("http://localhost", (1, 0)), ("https://evil.example", (0, 1))):
        community, client = cast.community(), site.app.test_client()
        client.set_cookie("access_token_cookie", cast["member"].access)
        body, headers = {"visitorId": "browser-5", "communityId": community}, {"Origin": origin} if origin else {}
        answer = client.post("/api/visitor/register", json=body, headers=headers)
        assert (answer.status_code, people(cast, community)) == (200, counted), origin


def test_a_closed_community_with_count_anonymous_counts_the_visits_of_all_people(site, cast):
    community = cast.community(open=False)
    path = f"{PATH}/{community}"
    assert cast["admin"].get(path).json["count_anonymous"] is False, "the default"
    for turned_on, expected in ((False, 0), (True, 1), (False, 1)):
        assert cast["admin"].patch(path, json={"count_anonymous": turned_on}).json["count_anonymous"] is turned_on
        visit(site, community, f"visitor-{community}-{expected}-{turned_on}")
        assert counted(site, cast, community)[0] == expected
    assert found(cast["admin"], open=False, count_anonymous=True)["count_anonymous"] is True
