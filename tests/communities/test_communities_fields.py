"""What is sent about a community: names of every kind, ids that are none, bodies that are none."""

from __future__ import annotations

import json

import pytest
from support.app_fixtures import Site, assert_error
from support.community_calls import PATH, found, stored
from support.described import assert_described

NAMES = [
    "Robert'); DROP TABLE communities;--",
    '" OR ""="',
    "%s %(name)s {0} :id",
    "<script>alert(1)</script>",
    "মিরপুর ১০ 🚇",
    "x" * 200,
    "🚇" * 200,
]
BODIES = [
    ({}, "name"),
    ({"name": None}, "name"),
    ({"name": 5}, "name"),
    ({"name": " \n\t\u2003"}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"name": "x" * 10_000}, "name"),
    ({"name": "a", "description": "x" * 2001}, "description"),
    ({"name": "a", "description": ["b"]}, "description"),
    ({"name": "a", "open": "yes"}, "open"),
    ({"name": "a", "open": None}, "open"),
    ({"name": "a", "listed": 1}, "listed"),
]
NO_IDS = ["nothing", "site", "1", "%00", "..", "x" * 5000, "{1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b}", "' OR 1=1 --"]
NOBODYS = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"


@pytest.fixture(scope="module")
def site(module_database):
    with Site(module_database.url) as site:
        yield site


@pytest.mark.parametrize("name", NAMES)
def test_name_is_a_text_whatever_it_says(site, cast, name):
    community = found(cast["admin"], name=f"  {name}\n", description=name)
    path = f"{PATH}/{community['id']}"
    assert (community["name"], community["description"]) == (name, name)
    assert cast["admin"].get(path).json == community
    assert cast["admin"].patch(path, json={"name": f"{name[:-1]}!"}).json["name"] == f"{name[:-1]}!"


@pytest.mark.parametrize(("body", "field"), BODIES)
def test_bad_field_is_refused_with_the_reason(site, cast, body, field):
    before = stored(site)
    assert_error(cast["admin"].post(PATH, json=body), 400, "invalid_input", field)
    assert stored(site) == before


@pytest.mark.parametrize(("body", "field"), [(body, field) for body, field in BODIES if body.get(field) is not None])
def test_bad_change_is_refused_with_the_reason(site, cast, body, field):
    path = f"{PATH}/{cast.kept_community()}"
    before = stored(site)
    assert_error(cast["admin"].patch(path, json=body), 400, "invalid_input", field)
    assert stored(site) == before


@pytest.mark.parametrize(("bad", "kept"), [(r"\u0000", "\ufffd"), (r"\ud83d", "\ufffd"), (r"\ud83d\ude87", "🚇")])
def test_what_no_database_holds_is_replaced(cast, bad, kept):
    body = f'{{"name": "a{bad}b", "description": "{bad}"}}'
    answer = cast["admin"].post(PATH, data=body, content_type="application/json")
    assert (answer.status_code, answer.json["name"], answer.json["description"]) == (201, f"a{kept}b", kept)


@pytest.mark.parametrize("role", ["Admin", "owner", "", None, 1, ["admin"], {"role": "admin"}])
def test_role_is_one_of_three(site, cast, role):
    path = f"{PATH}/{cast.kept_community()}/members"
    before = stored(site)
    assert_error(cast["admin"].put(f"{path}/{cast['other'].id}", json={"role": role}), 400, "invalid_input", "role")
    invitation = {"email": "other@example.com", "role": role}
    assert_error(cast["admin"].post(path, json=invitation), 400, "invalid_input", "role")
    assert stored(site) == before


@pytest.mark.parametrize("email", ["", "nobody", None, 5, "a\0@example.com", "\ud83d@example.com", "x" * 300])
def test_invitation_takes_an_email(cast, email):
    body = json.dumps({"email": email, "role": "member"})
    answer = cast["admin"].post(f"{PATH}/{cast.kept_community()}/members", data=body, content_type="application/json")
    assert_error(answer, 400, "invalid_input", "email")


def test_joining_takes_a_visitor_id_that_is_one(site, cast):
    community = cast.kept_community()
    before = stored(site)
    for visitor in ("a b", 5, "x" * 129):
        answer = cast["outsider"].post(f"{PATH}/{community}/join", json={"visitorId": visitor})
        assert_error(answer, 400, "invalid_input", "visitorId")
    assert stored(site) == before


@pytest.mark.parametrize("community", [*NO_IDS, NOBODYS])
def test_id_that_is_no_communitys_is_404_for_everybody(cast, community):
    path = f"{PATH}/{community}"
    calls = [
        ("GET", "", None),
        ("PATCH", "", {"name": "New"}),
        ("DELETE", "", None),
        ("POST", "/join", None),
        ("POST", "/leave", None),
        ("GET", "/members", None),
        ("POST", "/members", {"email": "other@example.com", "role": "member"}),
        ("PUT", f"/members/{cast['other'].id}", {"role": "member"}),
        ("DELETE", f"/members/{cast['other'].id}", None),
        ("DELETE", f"/members/{cast['member'].id}", None),
    ]
    for who in ("site_admin", "member"):
        for method, rest, body in calls:
            assert_error(cast.call(who, method, path + rest, body), 404, "unknown_community")


def test_capitals_in_an_id_make_no_difference(site, cast):
    community = cast.community()
    path, admin = f"{PATH}/{community.upper()}", cast["admin"]
    assert admin.get(path).json["id"] == community
    assert admin.patch(path, json={"name": "New"}).json["id"] == community
    assert cast["outsider"].post(f"{path}/join").json["community_id"] == community
    assert admin.put(f"{path}/members/{cast['outsider'].id.upper()}", json={"role": "admin"}).status_code == 200
    assert admin.get(f"{path}/members/").status_code == 200
    assert admin.delete(f"{path}/members/{cast['outsider'].id.upper()}").status_code == 204
    assert admin.delete(path).status_code == 204


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_pages_of_other_origins_cannot_send_what_is_taken(site, cast, media):
    """A form or a beacon needs no preflight; JSON does."""
    community, admin = cast.kept_community(), cast["admin"]
    before = stored(site)
    calls = [(admin.post, ""), (admin.patch, f"/{community}"), (admin.post, f"/{community}/members")]
    calls += [(admin.put, f"/{community}/members/{cast['other'].id}"), (admin.post, f"/{community}/join")]
    for send, path in calls:
        answer = send(PATH + path, data=b'{"name": "a", "role": "member"}', content_type=media)
        assert_error(answer, 415, "unsupported_media_type")
        assert "text/plain" not in answer.json["error"]
    assert stored(site) == before


def test_cookie_alone_changes_nothing(site, cast):
    """A page of another origin can have the browser send it; it cannot read what is to be said in X-CSRF-TOKEN."""
    community, browser = cast.kept_community(), site.app.test_client()
    browser.set_cookie("access_token_cookie", cast["admin"].access)
    assert browser.get(f"{PATH}/{community}").json["role"] == "admin"
    before = stored(site)
    calls = [("POST", "", {"name": "a"}), ("PATCH", f"/{community}", {"name": "a"}), ("DELETE", f"/{community}", None)]
    calls += [("POST", f"/{community}/{act}", None) for act in ("join", "leave")]
    calls += [("DELETE", f"/{community}/members/{cast['other'].id}", None)]
    for method, path, body in calls:
        answer = browser.open(PATH + path, method=method, json=body)
        assert_error(answer, 403, "wrong_csrf_token")
        assert_described(site, answer)
    assert stored(site) == before


def test_name_that_fills_more_than_a_body_is_refused(site, cast):
    path = f"{PATH}/{cast.community()}"
    before = stored(site)
    for send, to in ((cast["admin"].post, PATH), (cast["admin"].patch, path)):
        assert_error(send(to, json={"name": "ঢ" * 10_000}), 413, "body_too_large")
    assert stored(site) == before


def test_paths_answer_with_and_without_a_last_slash(cast):
    community = cast.kept_community()
    for path in ("", f"/{community}", f"/{community}/members"):
        answers = [cast["admin"].get(PATH + path + slash) for slash in ("", "/")]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json == answers[1].json
