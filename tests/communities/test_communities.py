"""Who may do what in a community: every call, by everybody, where it is listed and where it is not."""

from __future__ import annotations

import pytest
from support.app_fixtures import Site, assert_error
from support.community_calls import PATH, found, give, losses, roles_in, stored
from support.described import assert_described

CODES = {401: "unauthenticated", 403: "forbidden", 404: "unknown_community", 409: "last_admin"}
EVERYBODY = ("site_admin", "admin", "moderator", "member", "outsider", "nobody")

# What everybody gets, in that order. The outsider has two: where it is listed, and where it is not.
CALLS = {
    "read": ("GET", "", None, (200, 200, 200, 200, (403, 404), 401)),
    "change": ("PATCH", "", {"name": "New"}, (200, 200, 403, 403, (403, 404), 401)),
    "end": ("DELETE", "", None, (204, 204, 403, 403, (403, 404), 401)),
    "leave": ("POST", "/leave", None, (403, 409, 204, 204, (403, 404), 401)),
    "list members": ("GET", "/members", None, (200, 200, 200, 200, (403, 404), 401)),
    "invite": (
        "POST",
        "/members",
        {"email": "newcomer@example.com", "role": "moderator"},
        (202, 202, 403, 403, (403, 404), 401),
    ),
    "add": ("PUT", "/members/{newcomer}", {"role": "admin"}, (201, "unknown_user", 403, 403, (403, 404), 401)),
    "promote": ("PUT", "/members/{other}", {"role": "admin"}, (200, 200, 403, 403, (403, 404), 401)),
    "demote": ("PUT", "/members/{other}", {"role": "member"}, (200, 200, 403, 403, (403, 404), 401)),
    "demote the last admin": ("PUT", "/members/{admin}", {"role": "member"}, (409, 409, 403, 403, (403, 404), 401)),
    "remove": ("DELETE", "/members/{other}", None, (204, 204, 403, 403, (403, 404), 401)),
    "remove the last admin": ("DELETE", "/members/{admin}", None, (409, 409, 403, 403, (403, 404), 401)),
}
ACCESS_REVOKED = {"end", "leave", "demote", "remove"}


@pytest.fixture(scope="module")
def site(module_database):
    with Site(module_database.url) as site:
        yield site


def check(site: Site, answer, status: int | str) -> None:
    """`status` is 404 for the community, or the code of another 404."""
    assert_described(site, answer)
    if isinstance(status, str):
        assert_error(answer, 404, status)
    elif status in CODES:
        assert_error(answer, status, CODES[status])
    else:
        assert answer.status_code == status, answer.text
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert (answer.data == b"") == (status == 204)


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "unlisted"])
@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("name", CALLS)
def test_everybody_may_do_what_their_role_allows_and_nothing_else(site, cast, name, who, listed):
    method, path, body, statuses = CALLS[name]
    expected = statuses[EVERYBODY.index(who)]
    status = expected[0 if listed else 1] if isinstance(expected, tuple) else expected
    changes = status in (200, 201, 202, 204) and method != "GET"
    community = (cast.community if changes else cast.kept_community)(listed=listed, open=False)
    before, noted = stored(site), losses(site)
    ids = {part: person.id for part, person in cast.people.items()}
    check(site, cast.call(who, method, f"{PATH}/{community}{path.format(**ids)}", body), status)
    assert (stored(site) != before) == changes
    assert losses(site) - noted == (changes and name in ACCESS_REVOKED)


@pytest.mark.parametrize(("is_open", "listed", "status"), [(1, 1, 201), (1, 0, 201), (0, 1, 403), (0, 0, 404)])
def test_joining_takes_an_open_door_and_the_id(site, cast, is_open, listed, status):
    community = cast.community(open=bool(is_open), listed=bool(listed))
    outsider, path = cast["outsider"], f"{PATH}/{community}/join"
    answer = outsider.post(path)
    check(site, answer, status)
    assert (outsider.id in roles_in(site, community)) == (status == 201)
    if status == 201:
        membership = {"community_id": community, "user_id": outsider.id, "role": "member"}
        assert answer.json == {**membership, "joined_at": "2025-12-16T04:48:38.412Z"}
    if status == 403:
        assert "invitation" in answer.json["error"]
    check(site, site.client.post(path), 401)


def test_who_joins_again_stays_what_they_are(site, cast):
    for is_open in (True, False):
        community = cast.community(open=is_open)
        for role in ("member", "moderator", "admin"):
            answer = cast[role].post(f"{PATH}/{community}/join", json={})
            assert (answer.status_code, answer.json["role"]) == (200, role)


def test_site_admin_may_join_what_takes_invitations(site, cast):
    community = cast.community(open=False, listed=False)
    assert cast["site_admin"].post(f"{PATH}/{community}/join").status_code == 201
    assert cast["site_admin"].get(f"{PATH}/{community}").json["role"] == "admin"


def test_who_founds_a_community_is_its_admin(site, cast):
    community = found(cast["outsider"], name="Banani", description="Lake side", listed=False, open=False)
    shown = {"name": "Banani", "description": "Lake side", "open": False, "listed": False, "role": "admin", "online": 0}
    shown |= {"count_anonymous": False, "public_count": False}
    assert community == {"id": community["id"], **shown}
    assert roles_in(site, community["id"]) == {cast["outsider"].id: "admin"}
    assert found(cast["outsider"])["open"] is found(cast["outsider"])["listed"] is True
    assert_error(site.client.post(PATH, json={"name": "Banani"}), 401, "unauthenticated")


def test_what_is_changed_is_what_was_said_and_no_more(cast):
    admin, community = cast["admin"], cast.community(description="Trains")
    path = f"{PATH}/{community}"
    for change in ({"name": "Metro"}, {"description": ""}, {"open": False}, {"listed": False}, {}, {"name": None}):
        before = admin.get(path).json
        answer = admin.patch(path, json=change)
        assert answer.status_code == 200, answer.text
        assert answer.json == admin.get(path).json
        assert answer.json == before | {name: value for name, value in change.items() if value is not None}


def test_ended_community_is_gone_for_everybody(site, cast):
    community = cast.community()
    assert cast["admin"].delete(f"{PATH}/{community}").status_code == 204
    for who in ("admin", "member", "site_admin", "outsider"):
        check(site, cast[who].get(f"{PATH}/{community}"), 404)
        check(site, cast[who].post(f"{PATH}/{community}/join"), 404)
    assert roles_in(site, community) == {}
    assert site.rows("SELECT count(*) FROM counters WHERE scope = :id", id=community) == [(0,)]


def test_members_see_names_and_site_admins_emails(cast):
    community = cast.community()
    roles = {"admin": "admin", "moderator": "moderator", "other": "moderator", "member": "member"}
    for who in EVERYBODY[:4]:
        members = cast[who].get(f"{PATH}/{community}/members").json
        assert {each["user_id"]: each["role"] for each in members} == {cast[part].id: roles[part] for part in roles}
        sees_emails = who == "site_admin"
        emails = {cast[part].email if sees_emails else None for part in roles}
        assert {each.get("email") for each in members} == emails
        fields = {"user_id", "name", "role", "joined_at"} | ({"email"} if sees_emails else set())
        assert all(set(each) == fields for each in members)


@pytest.mark.parametrize("user", ["00000000-0000-4000-8000-000000000000", "nobody", "%00", "' OR 1=1 --"])
def test_nobody_can_be_given_a_role_or_removed_who_is_not_there(cast, user):
    path = f"{PATH}/{cast.community()}/members/{user}"
    assert_error(cast["admin"].put(path, json={"role": "member"}), 404, "unknown_user")
    assert_error(cast["admin"].delete(path), 404, "unknown_user")


def test_one_who_is_no_member_cannot_be_removed(cast):
    path = f"{PATH}/{cast.community()}/members/{cast['outsider'].id}"
    assert_error(cast["admin"].delete(path), 404, "unknown_user")


@pytest.mark.parametrize("who", ["member", "moderator"])
def test_everybody_may_remove_themselves(site, cast, who):
    community = cast.community()
    assert cast[who].delete(f"{PATH}/{community}/members/{cast[who].id.upper()}").status_code == 204
    assert cast[who].id not in roles_in(site, community)


def test_role_that_stays_or_grows_is_no_loss(site, cast):
    community = cast.community()
    noted = losses(site)
    for role in ("member", "member", "moderator", "admin", "admin"):
        assert give(cast["admin"], community, cast["member"], role).json["role"] == role
    assert losses(site) == noted


def test_who_lost_a_right_is_told_about_after_the_commit(site, cast, monkeypatch):
    community, seen = cast.community(), []
    directory = site.services.communities.directory
    monkeypatch.setattr(directory, "_on_revoked", lambda whose: seen.append(roles_in(site, community)))
    member, moderator, other = (cast[part].id for part in ("member", "moderator", "other"))
    cast["member"].post(f"{PATH}/{community}/join")
    give(cast["admin"], community, cast["member"], "moderator")
    assert seen == []
    give(cast["admin"], community, cast["member"], "member")
    assert seen.pop()[member] == "member"
    cast["admin"].delete(f"{PATH}/{community}/members/{moderator}")
    assert moderator not in seen.pop()
    cast["other"].post(f"{PATH}/{community}/leave")
    assert other not in seen.pop()
    cast["admin"].delete(f"{PATH}/{community}")
    assert seen == [{}]
