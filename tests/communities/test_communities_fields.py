"""What is sent about a community: names of every kind, ids that are none, bodies that are none."""

from __future__ import annotations

import json

import pytest
from support.app_fixtures import assert_error
from support.community_calls import PATH, found, stored

NAMES = ["Robert'); DROP TABLE communities;--", "%s %(name)s {0} :id", "<script>alert(1)</script>", "🚇" * 200]
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
    """Of a community that nobody changes."""
    return f"{PATH}/{cast.kept_community()}"


def test_name_is_a_text_whatever_it_says(cast):
    for name in NAMES:
        community = found(cast["admin"], name=f"  {name}\n", description=name)
        assert (community["name"], community["description"]) == (name, name)
        assert cast["admin"].get(f"{PATH}/{community['id']}").json == community
        answer = cast["admin"].patch(f"{PATH}/{community['id']}", json={"name": f"{name[:-1]}!"})
        assert answer.json["name"] == f"{name[:-1]}!"


def test_bad_field_is_refused_with_the_reason(cast, path, nothing_changes):
    for body, field in BODIES:
        assert_error(cast["admin"].post(PATH, json=body), 400, "invalid_input", field)
        if body.get(field) is not None:
            assert_error(cast["admin"].patch(path, json=body), 400, "invalid_input", field)


def test_what_no_database_holds_is_replaced(cast):
    for bad, kept in ((r"\u0000", "\ufffd"), (r"\ud83d", "\ufffd"), (r"\ud83d\ude87", "🚇")):
        body = f'{{"name": "a{bad}b", "description": "{bad}"}}'
        answer = cast["admin"].post(PATH, data=body, content_type="application/json")
        assert (answer.status_code, answer.json["name"], answer.json["description"]) == (201, f"a{kept}b", kept)


def test_role_is_one_of_three(cast, path, nothing_changes):
    for role in ("Admin", "owner", "", None, 1, ["admin"], {"role": "admin"}):
        answer = cast["admin"].put(f"{path}/members/{cast['other'].id}", json={"role": role})
        assert_error(answer, 400, "invalid_input", "role")
        invitation = {"email": "other@example.com", "role": role}
        assert_error(cast["admin"].post(f"{path}/members", json=invitation), 400, "invalid_input", "role")


def test_invitation_takes_an_email(cast, path, nothing_changes):
    for email in ("", "nobody", None, 5, "a\0@example.com", "\ud83d@example.com", "x" * 300):
        body = json.dumps({"email": email, "role": "member"})
        answer = cast["admin"].post(f"{path}/members", data=body, content_type="application/json")
        assert_error(answer, 400, "invalid_input", "email")


def test_capitals_in_an_id_make_no_difference(cast):
    community = cast.community()
    path, admin = f"{PATH}/{community.upper()}", cast["admin"]
    assert admin.get(path).json["id"] == community
    assert admin.patch(path, json={"name": "New"}).json["id"] == community
    assert cast["outsider"].post(f"{path}/join").json["community_id"] == community
    assert admin.put(f"{path}/members/{cast['outsider'].id.upper()}", json={"role": "admin"}).status_code == 200
    assert admin.get(f"{path}/members/").status_code == 200
    assert admin.delete(f"{path}/members/{cast['outsider'].id.upper()}").status_code == 204
    assert admin.delete(path).status_code == 204


def test_pages_of_other_origins_cannot_send_what_is_taken(cast, path, nothing_changes):
    """A form or a beacon needs no preflight; JSON does."""
    taking = [(PATH, "POST"), (path, "PATCH"), (f"{path}/members", "POST"), (f"{path}/join", "POST")]
    taking.append((f"{path}/members/{cast['other'].id}", "PUT"))
    for media in ("text/plain", "application/x-www-form-urlencoded", ""):
        for to, method in taking:
            answer = cast["admin"].call(method, to, data=b'{"name": "a", "role": "member"}', content_type=media)
            assert_error(answer, 415, "unsupported_media_type")
            assert "text/plain" not in answer.json["error"]
