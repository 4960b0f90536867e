"""Share links: what they show, who can open them, and for how long."""

from html import unescape

import pytest
from support.application.site import Site, assert_error
from support.people.accounts import bare, disable, promote
from support.people.admins import panel
from support.people.communities import Cast, found, give
from support.people.page_readers import words
from support.people.share_links import PASSWORD, PATH, boss, of_community, share, shared, visits

from koyjabo.base.core.identity import OPERATOR
from koyjabo.communities.services import CommunityServices
from koyjabo.reports.share_links import share_links as shares
from koyjabo.upkeep.retention.retention import Retention


def ask_for_share(person, **fields):
    return person.post(PATH, json={"name": "Traffic", **fields})


def names(person, query: str = "") -> list[str]:
    answer = person.get(f"{PATH}?{query}")
    assert answer.status_code == 200, answer.text
    return [link["name"] for link in answer.json]


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, PUBLIC_URL="https://live.example.com") as site:
        yield site


@pytest.fixture
def cast(site) -> Cast:
    return Cast(site)


@pytest.fixture
def community(cast) -> str:
    return cast.community(name="Mirpur 10")


def test_the_api_shows_a_share_links_token_once_and_the_database_encrypts_it(site, cast):
    created = share(boss(cast), filters={"page": ["/metro"]}, password=PASSWORD)
    assert list(created) == ["id", "token", "url", "filters"]
    assert created["url"] == f"https://live.example.com/share/{created['token']}"
    assert created["filters"] == {"page": ["/metro"]}
    assert len(created["token"]) == 43
    stored = str(site.rows("SELECT * FROM shares"))
    assert created["token"] not in stored
    assert PASSWORD not in stored
    (listed,) = boss(cast).get(PATH).json
    assert created["token"] not in str(listed)
    assert (listed["name"], listed["has_password"], listed["created_by"]) == ("Traffic", True, "Site_admin")


def test_the_filters_of_a_share_link_and_of_a_request_apply_together(site, cast):
    for visitor, page in (("v1", "/metro"), ("v2", "/metro"), ("v3", "/fares"), ("v4", "/map")):
        site.register(visitor, page=page)
    metro = share(boss(cast), filters={"page": ["/metro"]})["token"]
    two = share(boss(cast), filters={"page": ["/metro", "/fares"]})["token"]
    but_metro = share(boss(cast), filters={"page": ["!/metro"]})["token"]
    queries = ("", "page=/fares", "page=/metro&page=/fares", "page=!/metro", "page=")
    assert [visits(site, metro, query) for query in queries] == [2, 0, 2, 0, 0]
    assert [visits(site, two, query) for query in queries] == [3, 1, 3, 1, 0]
    assert [visits(site, but_metro, query) for query in queries] == [2, 1, 1, 2, 0]
    rows = shared(site, metro, "breakdown", "by=page").json["rows"]
    assert [(row["value"], row["visits"]) for row in rows] == [("/metro", 2)]
    viewed = share(boss(cast), filters={"viewed_page": ["/metro"]})["token"]
    refused = shared(site, viewed, "summary", "viewed_page=/fares")  # a visit may have viewed both
    assert_error(refused, 400, "invalid_input", "viewed_page")
    site.register("v5")
    unknown = share(boss(cast), filters={"page": [None]})
    assert (unknown["filters"], visits(site, unknown["token"])) == ({"page": [""]}, 1)


def test_the_share_link_of_a_community_shows_its_figures_and_no_other_community(site, cast, community):
    """Only members know an unlisted community."""
    site.register("v1")
    for visitor in ("v1", "v2"):
        site.register(visitor, communityId=community)
    token = share(cast["moderator"], **of_community(community))["token"]
    moderators = cast["moderator"].get(f"/api/communities/{community}/reports/summary").json
    assert shared(site, token).json == moderators
    assert (moderators["visits"], moderators["new_visitors"]) == (2, 2)
    for link in (token, share(boss(cast))["token"]):
        assert_error(shared(site, link, "breakdown", "by=community"), 400, "invalid_input", "by")
        assert_error(shared(site, link, "summary", f"community={community}"), 400, "invalid_input", "community")


def test_a_share_link_can_only_show_reports_that_its_creator_may_see(site, cast, community):
    other = found(cast["admin"], name="Banani")["id"]
    bodies = {
        "without": {"filters": {"page": ["/"]}},
        "theirs": of_community(community),
        "other": of_community(other),
        "both": {"filters": {"community": [community, other]}},
    }
    may = {"moderator": {"theirs"}, "admin": {"theirs", "other"}, "site_admin": set(bodies)}
    for part in ("nobody", "outsider", "member", "moderator", "admin", "site_admin"):
        for which, body in bodies.items():
            expected = 201 if which in may.get(part, ()) else 401 if part == "nobody" else 403
            answer = cast.call(part, "POST", PATH, {"name": f"{part} {which}", **body})
            assert answer.status_code == expected, (part, which, answer.text)
    assert_error(ask_for_share(cast["moderator"], filters={"community": [f"!{community}"]}), 403, "forbidden")
    nowhere = of_community("1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b")
    assert_error(ask_for_share(boss(cast), **nowhere), 404, "unknown_community")


def test_moderators_see_and_revoke_only_the_share_links_of_their_communities(site, cast, community):
    other = found(cast["admin"], name="Banani")["id"]
    theirs = share(cast["admin"], name="Ours", **of_community(community))
    elsewhere = share(cast["admin"], name="Banani's", **of_community(other))
    everything = share(boss(cast), name="All")
    assert names(cast["moderator"]) == ["Ours"]
    assert sorted(names(cast["admin"])) == ["Banani's", "Ours"]
    assert sorted(names(boss(cast))) == ["All", "Banani's", "Ours"]
    assert names(boss(cast), f"community={community}") == ["Ours"]
    for person in (cast["member"], cast["outsider"]):
        assert_error(person.get(PATH), 403, "forbidden")
        assert_error(person.delete(f"{PATH}/{theirs['id']}"), 403, "forbidden")
    for link in (elsewhere, everything):
        assert_error(cast["moderator"].delete(f"{PATH}/{link['id']}"), 403, "forbidden")
    assert cast["moderator"].delete(f"{PATH}/{theirs['id']}").status_code == 204
    assert_error(cast["moderator"].delete(f"{PATH}/{theirs['id']}"), 404, "unknown_share")
    lines = site.rows("SELECT action, target FROM audit_log WHERE target_kind = 'share' ORDER BY id DESC LIMIT 2")
    assert lines == [("share.end", "Ours"), ("share.create", "All")]


def test_a_share_link_that_is_revoked_expired_or_invented_is_unknown(site, cast):
    ends = share(boss(cast), expires_at="2025-12-17T00:00:00+06:00")["token"]
    ended = share(boss(cast))
    assert boss(cast).delete(f"{PATH}/{ended['id']}").status_code == 204
    for token in (ended["token"], "x" * 43, "short"):
        assert_error(shared(site, token), 404, "unknown_share")
        assert bare(site).get(f"/share/{token}").status_code == 404
    site.time.go_to("2025-12-16T23:59:59.999+06:00")
    assert shared(site, ends).status_code == 200
    site.time.pass_(milliseconds=1)
    assert_error(shared(site, ends), 404, "unknown_share")


def test_a_share_link_works_as_long_as_its_creator_may_see_its_reports(site, cast, community):
    def new_token() -> str:
        return share(cast["moderator"], **of_community(community))["token"]

    moderator = cast["moderator"]
    token = new_token()
    give(cast["admin"], community, moderator, "member")
    assert_error(shared(site, token), 404, "unknown_share")
    give(cast["admin"], community, moderator, "moderator")
    assert shared(site, token).status_code == 200
    disable(site, moderator.email)
    assert_error(shared(site, token), 404, "unknown_share")
    disable(site, moderator.email, disabled=False)
    site.services[CommunityServices].directory.archive(OPERATOR, community)
    assert_error(shared(site, token), 404, "unknown_share")
    everything = share(boss(cast))["token"]
    promote(site, cast["admin"].email)
    promote(site, boss(cast).email, is_admin=False)
    assert_error(shared(site, everything), 404, "unknown_share")


IMPOSSIBLE = [
    ({"name": ""}, "name"),
    *(({"filters": bad}, "filters") for bad in ({"page": "/"}, {"page": [7]}, [])),
    *(({"filters": {bad: ["7d"]}}, bad) for bad in ("pagee", "range")),
    *(({"range": bad}, "range") for bad in ("fortnight", 7, "2025-12-10/2025-12-09")),
    ({"password": "short"}, "password"),
    *(({"expires_at": bad}, "expires_at") for bad in ("2025-12-16", "2025-12-16T10:48:38+06:00", 7)),
]


def test_an_invalid_field_of_a_share_link_is_named(cast, monkeypatch):
    for fields, named in IMPOSSIBLE:
        assert_error(ask_for_share(boss(cast), **fields), 400, "invalid_input", named)
    monkeypatch.setattr(shares, "MAX_LINKS", 1)
    share(boss(cast))
    assert_error(ask_for_share(boss(cast)), 409, "too_many_shares")


def test_a_share_link_is_deleted_with_its_community_or_30_days_after_it_expired(site, cast, community):
    share(boss(cast), expires_at="2025-12-17T00:00:00Z")
    share(boss(cast), name="Stays")
    share(cast["admin"], **of_community(community))
    assert cast["admin"].delete(f"/api/communities/{community}").status_code == 204
    site.time.go_to("2026-01-15T12:00:00Z")
    site.services[Retention].sweep()
    assert site.rows("SELECT count(*) FROM shares") == [(2,)]
    site.time.go_to("2026-01-16T00:00:00Z")
    site.services[Retention].sweep()
    assert site.rows("SELECT name FROM shares") == [("Stays",)]


def test_a_view_of_reports_can_be_shared_and_its_link_copied_again(site):
    rani = panel(site)
    site.register("v1", page="/metro", referrer="https://www.google.com/")
    site.register("v2", page="/metro")
    query = "source=google.com&page=%2Fmetro&page=%21%2Fmap&range=7d"
    shown_form = rani.get(f"/admin/connect/shares/new?{query}")
    assert f'href="/admin/?{query.replace("&", "&amp;")}"' in shown_form
    assert 'value="7d" selected' in shown_form
    created = rani.send(
        f"/admin/connect/shares/new?{query}", 200, name="Search", range="7d", until="2025-12-31", password=""
    )
    url = unescape(created.partition('data-copy="')[2].partition('"')[0])
    assert url.startswith("https://live.example.com/share/")
    assert "Search</h2>" in created
    later = rani.get("/admin/connect")
    assert f'data-copy="{url}"' in later
    assert "Never opened" in words(later)
    path = url.removeprefix("https://live.example.com")
    summary = bare(site).get(path.replace("/share/", "/api/shares/") + "/reports/summary").json
    assert summary["visits"] == 1
    assert "Last opened:" in words(rani.get("/admin/connect"))
    site.time.go_to("2026-01-01T00:00:00+06:00")
    assert bare(site).get(path).status_code == 404
    assert "Expired" in words(rani.get("/admin/connect"))
    for not_readable in ("sealed", None):  # with another SECRET_KEY, and from before tokens were stored
        site.rows("UPDATE shares SET sealed_token = :token", token=not_readable)
        assert url not in rani.get("/admin/connect")
