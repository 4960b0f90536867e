"""Communities: founding, changing, joining, leaving and deleting."""

import json

import pytest
from support.application.site import Site, assert_error
from support.assertions.openapi import assert_described
from support.people.accounts import sign_up
from support.people.communities import PATH, found, give, losses, roles_in, site_admin
from support.people.routes import stored

from koyjabo.communities import communities
from koyjabo.communities.services import CommunityServices

CODES = {401: "unauthenticated", 403: "forbidden", 404: "unknown_community", 409: "last_admin"}
OF_MEMBERS = [
    ("GET", "", None),
    ("PATCH", "", {"name": "New"}),
    ("DELETE", "", None),
    ("POST", "/leave", None),
    ("GET", "/members", None),
    ("POST", "/members", {"email": "newcomer@example.com", "role": "moderator"}),
    ("PUT", "/members/{other}", {"role": "admin"}),
    ("DELETE", "/members/{other}", None),
    *(("GET", path, None) for path in ("/stats", "/visitors/realtime", "/visitors/online")),
]
NO_IDS = ["site", "%00", "..", "' OR 1=1 --", "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"]
IN_TURN = [  # in one community: person, action, status, and whether a permission is lost
    ("member", "GET", "", None, 200, 0),
    ("member", "GET", "/members", None, 200, 0),
    ("admin", "PATCH", "", {"name": "New"}, 200, 0),
    ("admin", "POST", "/members", {"email": "newcomer@example.com", "role": "moderator"}, 202, 0),
    ("admin", "PUT", "/members/{newcomer}", {"role": "admin"}, "unknown_user", 0),
    ("site_admin", "PUT", "/members/{newcomer}", {"role": "member"}, 201, 0),
    ("admin", "DELETE", "/members/{newcomer}", None, 204, 1),
    ("admin", "DELETE", "/members/{newcomer}", None, "unknown_user", 0),
    ("admin", "PUT", "/members/{other}", {"role": "moderator"}, 200, 0),
    ("admin", "PUT", "/members/{other}", {"role": "admin"}, 200, 0),
    ("admin", "PUT", "/members/{other}", {"role": "member"}, 200, 1),
    ("other", "DELETE", "/members/{OTHER}", None, 204, 1),
    ("moderator", "POST", "/leave", None, 204, 1),
    ("admin", "POST", "/leave", None, 409, 0),
    ("site_admin", "POST", "/leave", None, 403, 0),
    ("site_admin", "PUT", "/members/{admin}", {"role": "member"}, 409, 0),
    ("admin", "DELETE", "/members/{admin}", None, 409, 0),
    ("admin", "DELETE", "", None, 204, 1),
]


def check(site: Site, answer, status: int | str) -> None:
    """Assert the status, or a 404 with this error code. A status of 404 means that the community was not found."""
    assert_described(site, answer)
    if isinstance(status, str):
        assert_error(answer, 404, status)
    elif status in CODES:
        assert_error(answer, status, CODES[status])
    else:
        assert answer.status_code == status, answer.text
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert (answer.data == b"") == (status == 204)


def ids_of(cast) -> dict[str, str]:
    ids = {part: person.id for part, person in cast.people.items()}
    return {**ids, "OTHER": ids["other"].upper()}


@pytest.mark.parametrize(("listed", "status"), [(True, 403), (False, 404)], ids=["listed", "unlisted"])
def test_an_outsider_sees_only_listed_communities_and_changes_no_community(site, cast, listed, status):
    community = cast.kept_community(listed=listed, open=False)
    before = stored(site)
    for method, path, body in OF_MEMBERS:
        path = f"{PATH}/{community}{path.format(**ids_of(cast))}"
        check(site, cast.call("outsider", method, path, body), status)
        check(site, cast.call("nobody", method, path, body), 401)
    assert stored(site) == before


def test_a_revocation_is_recorded_once_and_announced_after_the_commit(site, cast, monkeypatch):
    community, revoked = cast.community(), []
    for service in (site.services[CommunityServices].directory, site.services[CommunityServices].members):
        monkeypatch.setattr(service, "_on_revoked", lambda whose: revoked.append(roles_in(site, community)))
    for who, method, path, body, status, lost in IN_TURN:
        noted = losses(site)
        check(site, cast.call(who, method, f"{PATH}/{community}{path.format(**ids_of(cast))}", body), status)
        assert (losses(site) - noted, revoked) == (lost, [roles_in(site, community)] * lost), (who, method, path)
        revoked.clear()
    for who in ("admin", "member", "site_admin", "outsider"):
        check(site, cast[who].get(f"{PATH}/{community}"), 404)
        check(site, cast[who].post(f"{PATH}/{community}/join"), 404)
    assert roles_in(site, community) == {}
    assert site.rows("SELECT count(*) FROM counters WHERE scope = :id", id=community) == [(0,)]


@pytest.mark.parametrize(("is_open", "listed", "status"), [(1, 1, 201), (1, 0, 201), (0, 1, 403), (0, 0, 404)])
def test_a_user_with_the_id_can_join_an_open_community_listed_or_not(site, cast, is_open, listed, status):
    community = cast.community(open=bool(is_open), listed=bool(listed))
    outsider, path = cast["outsider"], f"{PATH}/{community}/join"
    answer = outsider.post(path)
    check(site, answer, status)
    assert (outsider.id in roles_in(site, community)) == (status == 201)
    if status == 201:
        membership = {"community_id": community, "user_id": outsider.id, "role": "member"}
        assert answer.json == {**membership, "joined_at": "2025-12-16T04:48:38.412Z"}
    check(site, site.client.post(path), 401)
    for role in ("member", "moderator", "admin"):
        again = cast[role].post(path, json={})
        assert (again.status_code, again.json["role"]) == (200, role), "who joins again stays what they are"


def test_the_founder_of_a_community_becomes_its_admin(site, cast):
    community = found(cast["outsider"], name="Banani", description="Lake side", listed=False, open=False)
    shown = {"name": "Banani", "description": "Lake side", "open": False, "listed": False, "role": "admin", "online": 0}
    shown |= {"count_anonymous": False, "public_count": False, "members_see_online": False}
    assert community == {"id": community["id"], **shown}
    assert roles_in(site, community["id"]) == {cast["outsider"].id: "admin"}
    assert found(cast["outsider"])["open"] is found(cast["outsider"])["listed"] is True


def test_the_founding_limit_counts_only_communities_that_still_exist(site, monkeypatch):
    """A community counts for its founder, not its current admin, so other people cannot use up the founder's limit."""
    monkeypatch.setattr(communities, "MAX_FOUNDED_COMMUNITIES", 3)
    ayesha, babul, admin = sign_up(site, "ayesha"), sign_up(site, "babul"), site_admin(site, "zarina")
    directory = site.services[CommunityServices].directory

    def assert_refused() -> None:
        assert_error(ayesha.post(PATH, json={"name": "One more"}), 409, "too_many_communities")

    founded = [found(ayesha)["id"] for _ in range(3)]
    assert_refused()
    for community in founded:
        assert give(ayesha, community, babul, "admin").status_code < 300
    assert ayesha.post(f"{PATH}/{founded[2]}/leave").status_code == 204
    assert_refused()
    found(babul)
    assert ayesha.delete(f"{PATH}/{founded[0]}").status_code == 204
    found(ayesha)
    assert_refused()
    directory.archive(admin, founded[1])
    found(ayesha)
    assert_refused()
    for _ in range(4):
        assert directory.create(admin, {"name": "of a site admin"})


def test_a_change_of_a_community_sets_only_the_given_fields(cast):
    admin, community = cast["admin"], cast.community(description="Trains")
    path = f"{PATH}/{community}"
    for change in ({"name": "Metro"}, {"description": ""}, {"open": False}, {"listed": False}, {}, {"name": None}):
        before = admin.get(path).json
        answer = admin.patch(path, json=change)
        assert answer.status_code == 200, answer.text
        assert answer.json == admin.get(path).json
        assert answer.json == before | {name: value for name, value in change.items() if value is not None}


def test_members_see_names_and_only_site_admins_see_emails(cast):
    community = cast.community()
    roles = {"admin": "admin", "moderator": "moderator", "other": "moderator", "member": "member"}
    for who in ("site_admin", "admin", "member"):
        members = cast[who].get(f"{PATH}/{community}/members").json
        assert {member["user_id"]: member["role"] for member in members} == {
            cast[part].id: roles[part] for part in roles
        }
        sees_emails = who == "site_admin"
        emails = {cast[part].email if sees_emails else None for part in roles}
        assert {member.get("email") for member in members} == emails
        fields = {"user_id", "name", "role", "joined_at"} | ({"email"} if sees_emails else set())
        assert all(set(member) == fields for member in members)


def test_an_unknown_id_returns_404_in_every_call_even_for_a_site_admin(cast):
    for community in NO_IDS:
        for method, rest, body in [*OF_MEMBERS, ("POST", "/join", None)]:
            answer = cast.call("site_admin", method, f"{PATH}/{community}{rest.format(**ids_of(cast))}", body)
            assert_error(answer, 404, "unknown_community")


BODIES = [
    ({}, "name"),
    ({"name": None}, "name"),
    ({"name": 5}, "name"),
    ({"name": " \n\t\u2003"}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"name": "a", "description": "x" * 2001}, "description"),
    ({"name": "a", "description": ["b"]}, "description"),
    ({"name": "a", "open": "yes"}, "open"),
    ({"name": "a", "open": None}, "open"),
    ({"name": "a", "listed": 1}, "listed"),
]


@pytest.fixture
def nothing_changes(site):
    before = stored(site)
    yield
    assert stored(site) == before


@pytest.fixture
def path(cast):
    """The path of a community that does not change."""
    return f"{PATH}/{cast.kept_community()}"


def test_a_refusal_names_the_invalid_field_of_a_community(cast, path, nothing_changes):
    for body, field in BODIES:
        assert_error(cast["admin"].post(PATH, json=body), 400, "invalid_input", field)
        if body.get(field) is not None:
            assert_error(cast["admin"].patch(path, json=body), 400, "invalid_input", field)
    for role in ("Admin", "owner", "", None, 1, ["admin"], {"role": "admin"}):
        answer = cast["admin"].put(f"{path}/members/{cast['other'].id}", json={"role": role})
        assert_error(answer, 400, "invalid_input", "role")
        invitation = {"email": "other@example.com", "role": role}
        assert_error(cast["admin"].post(f"{path}/members", json=invitation), 400, "invalid_input", "role")
    for email in ("", "nobody", None, 5, "a\0@example.com", "\ud83d@example.com", "x" * 300):
        body = json.dumps({"email": email, "role": "member"})
        answer = cast["admin"].post(f"{path}/members", data=body, content_type="application/json")
        assert_error(answer, 400, "invalid_input", "email")


def test_a_body_that_other_origins_can_send_without_a_preflight_is_refused(cast, path, nothing_changes):
    """A form or a beacon needs no preflight request, but JSON does."""
    taking = [(PATH, "POST"), (path, "PATCH"), (f"{path}/members", "POST"), (f"{path}/join", "POST")]
    taking.append((f"{path}/members/{cast['other'].id}", "PUT"))
    for media in ("text/plain", "application/x-www-form-urlencoded", ""):
        for to, method in taking:
            answer = cast["admin"].call(method, to, data=b'{"name": "a", "role": "member"}', content_type=media)
            assert_error(answer, 415, "unsupported_media_type")
            assert "text/plain" not in answer.json["error"]
