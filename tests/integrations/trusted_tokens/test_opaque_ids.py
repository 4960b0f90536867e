"""Ids of other systems may contain any printable ASCII characters."""

from urllib.parse import quote

import pytest
import requests
from other_system import AUTH, token
from support.clients.event_source import StreamListener
from support.clients.members import Member, PlainMember, SocketioMember, code_for
from support.programs.patience import PATIENCE_S

FORBIDDEN = 4003
DIRECTORY = "samlp|corp|CN=Ayesha Rahman/OU=A,B"
LONGEST = "".join(map(chr, range(ord(" "), ord("~") + 1))).ljust(255, "~")
OTHERS = ["xS+SZ0/Q==", "a%2Fb", "%", "../x", "a//b", "/", "?q#f", LONGEST]


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database):
    return module_servers(module_sqlite_database, **AUTH, LEAVE_GRACE_SECONDS=0).start()


@pytest.fixture(scope="module")
def admin(server) -> Member:
    admin = Member(server)
    server.database.rows(f"UPDATE users SET is_admin = true WHERE id = '{admin.id}'")
    return admin


def community_of(admin: Member, ref: str) -> str:
    body = {"name": "Mirpur 10", "listed": False, "public_count": True}
    return admin.call("PUT", f"/api/communities/by-ref/{quote(ref, safe='')}", body)["id"]


@pytest.mark.parametrize("ref", [DIRECTORY, *(pytest.param(ref, marks=pytest.mark.long) for ref in OTHERS)])
def test_every_call_accepts_any_external_id_of_a_person_and_of_a_community(server, admin, ref):
    named = quote(ref, safe="")
    own_id, here = community_of(admin, ref), f"/api/communities/{named}"
    assert admin.call("GET", here)["ref"] == ref
    person = f"{here}/members/by-ref/{named}"
    assert admin.call("PUT", person, {"role": "member", "name": "Ayesha"})["ref"] == ref
    assert [member["ref"] for member in admin.call("GET", f"{here}/members")] == [ref]
    with (
        PlainMember(server.port, named, token(ref)) as plain,
        SocketioMember(server.port, ref, token(ref)) as socketio,
        StreamListener(server.port, f"{here}/stream", token(ref, communities={ref: "moderator"})) as stream,
    ):
        assert socketio.joined["count"] == stream.next_of_type("visitor_count")["count"] == 1
        asked = quote(f"{named},{own_id}")
        assert admin.call("GET", f"/api/communities/online?ids={asked}") == {"online": {ref: 1, own_id: 1}}
        admin.call("POST", f"{here}/disconnect", {"userRef": ref})
        assert plain.wait_for_code() == FORBIDDEN
    visit = admin.call("POST", "/api/visitor/register", {"visitorId": "v1", "communityId": ref})
    assert not visit["visit"]["duplicate"]
    badge = requests.get(
        f"http://127.0.0.1:{server.port}/badge.svg", {"value": "online", "community": ref}, timeout=PATIENCE_S
    )
    assert "online now: 0" in badge.text
    admin.call("DELETE", person, status=204)
    assert admin.call("GET", f"{here}/members") == []
    assert code_for(server.port, named, token(ref)) is None, "a watcher, because the numbers are public"


def test_two_different_external_ids_are_two_communities_and_two_people(server, admin):
    refs = ["a/b", "a%2Fb", "a%2fb", "a%252Fb", "a:b", "a|b", "a b", "a+b", "A/b"]
    assert len({community_of(admin, ref) for ref in refs}) == len(refs)
    people = [f"/api/communities/a%7Cb/members/by-ref/{quote(ref, safe='')}" for ref in refs]
    members = [admin.call("PUT", person, {"role": "member", "name": "Ayesha"}) for person in people]
    assert len({member["user_id"] for member in members}) == len(refs)


@pytest.mark.parametrize("ref", [".", "..", "%2E%2E"])
def test_an_external_id_that_clients_remove_from_paths_is_refused(server, admin, ref):
    members = "/api/communities/dots/members"
    community_of(admin, "dots")
    body = {"members": [{"ref": ref.replace("%2E", "."), "role": "member", "name": "Ayesha"}]}
    refused = admin.call("PUT", members, body, status=400)
    assert refused["details"] == {"members.0.ref": "must not be online, by-ref, . or .., which paths already use"}
