"""Users of another system connect to sockets and streams with its tokens."""

import time

import pytest
import requests
from other_system import AUTH, SHARED, token
from support.clients.event_source import StreamListener
from support.clients.members import Member, PlainMember, SocketioMember, code_for
from support.clients.websocket import WebSocket
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

REF = "mirpur"
NO_CREDENTIALS, INVALID, FORBIDDEN, EXPIRED = 4001, 4002, 4003, 4004


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database):
    return module_servers(module_sqlite_database, **AUTH, LEAVE_GRACE_SECONDS=0).start()


@pytest.fixture(scope="module")
def admin(server) -> Member:
    admin = Member(server)
    server.database.rows(f"UPDATE users SET is_admin = true WHERE id = '{admin.id}'")
    admin.call("PUT", f"/api/communities/by-ref/{REF}", {"name": "Mirpur 10", "listed": False, "open": False})
    return admin


def member(user: str = "u1", role: str = "member", **claims) -> str:
    return token(user, communities={REF: role}, **claims)


def online(admin: Member) -> int:
    return admin.call("GET", f"/api/communities/{REF}/visitors/realtime")["current_online"]


def test_a_person_is_online_once_with_all_kinds_of_sockets(server, admin):
    """The token is sent in the address, in the sub-protocol, in a header, and in Socket.IO's auth."""
    query = f"/ws/communities/{REF}/visitors/?token={member()}"
    with (
        WebSocket(server.port, path=query) as first,
        PlainMember(server.port, REF, subprotocols=["Authorization", member()]) as second,
        SocketioMember(server.port, REF, member()) as third,
        StreamListener(server.port, f"/api/communities/{REF}/stream", member()) as fourth,
        PlainMember(server.port, REF, member("u2")) as other,
    ):
        assert first.event()["count"] == third.joined["count"] == 1
        for client in (second, fourth):
            assert client.next_of_type("visitor_count")["count"] == 1
        assert other.next_of_type("visitor_count")["count"] == 2
        assert online(admin) == 2
        people = admin.call("GET", f"/api/communities/{REF}/visitors/online")
        assert {person["name"]: person["tabs"] for person in people} == {"u1": 4, "u2": 1}
    wait_until(lambda: online(admin) == 0, "both have left")


def test_a_refused_external_token_gets_the_code_of_a_refused_session_token(server, admin):
    for text, code in (
        (member(secret=SHARED[::-1]), INVALID),
        (member(exp=int(time.time()) - 60), EXPIRED),
        (member(role="owner"), FORBIDDEN),
    ):
        with PlainMember(server.port, REF, text) as plain, SocketioMember(server.port, REF, text) as socketio:
            assert (plain.wait_for_code(), socketio.joined["code"]) == (code, code)


def test_an_external_token_opens_dashboards_to_moderators_but_never_the_panel(server, admin):
    path = f"/ws/communities/{REF}/visitor-dashboard/"
    with PlainMember(server.port, REF, member(), "visitor-dashboard/") as refused:
        assert refused.wait_for_code() == FORBIDDEN
    with WebSocket(server.port, path=f"{path}?token={member(role='moderator')}") as dashboard:
        assert dashboard.event()["type"] == "dashboard_update"
    with WebSocket(server.port, path=f"/ws/admin/?token={member(role='admin')}") as panel:
        assert panel.close_frame().code in (INVALID, FORBIDDEN)


def test_a_role_from_a_token_lasts_until_the_socket_closes_or_is_disconnected(server, admin):
    by_ref = f"/api/communities/by-ref/{REF}"
    admin.call("PUT", by_ref, {"name": "Mirpur 10", "public_count": True})
    old = member("gone", exp=int(time.time()) - 20)  # valid for 10 s more, because clocks may differ
    with PlainMember(server.port, REF, old) as socket, PlainMember(server.port, REF) as stranger:
        socket.next_of_type("visitor_count")
        stranger.next_of_type("visitor_count")
        wait_until(lambda: code_for(server.port, REF, old) == EXPIRED, "the token has expired", every_s=0.5)
        admin.call("PUT", by_ref, {"name": "Mirpur 10", "public_count": False})  # checks all who are online
        assert stranger.wait_for_code() == NO_CREDENTIALS
        socket.ask("ping", "pong")
        admin.call("POST", f"/api/communities/{REF}/disconnect", {"userRef": "gone"})
        assert socket.wait_for_code() == FORBIDDEN


def test_the_end_of_a_membership_by_external_id_closes_the_socket(server, admin):
    path = f"/api/communities/{REF}/members/by-ref/m1"
    admin.call("PUT", path, {"role": "member", "name": "Mitu"})
    with PlainMember(server.port, REF, token("m1")) as socket, PlainMember(server.port, REF, member("m1")) as by_claim:
        socket.next_of_type("visitor_count")
        by_claim.next_of_type("visitor_count")
        admin.call("DELETE", path)
        assert (socket.wait_for_code(), by_claim.wait_for_code()) == (FORBIDDEN, FORBIDDEN)


def test_a_list_without_a_member_closes_the_socket_that_a_claim_has_opened(server, admin):
    members = f"/api/communities/{REF}/members"
    admin.call("PUT", f"{members}/by-ref/m2", {"role": "member", "name": "Mitu"})
    with PlainMember(server.port, REF, member("m2")) as socket:
        socket.next_of_type("visitor_count")
        headers = {**admin.bearer, "If-Match": "*"}
        answer = requests.put(f"{server.url}{members}", json={"members": []}, headers=headers, timeout=PATIENCE_S)
        assert (answer.json()["removed"], socket.wait_for_code()) == (1, FORBIDDEN)
