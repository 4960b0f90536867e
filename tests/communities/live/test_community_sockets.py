"""Who may open a community's socket, by which credentials, and with which code others are sent away."""

from __future__ import annotations

import time
import uuid
from typing import Any
from urllib.parse import quote

import jwt
import pyotp
import pytest
import socketio
import websocket
from support.listener import PATIENCE_S
from support.members import KINDS, PASSWORD, Member, PlainMember, SocketioMember, promote
from support.processes import SECRET, wait_until
from support.server import Server
from support.websocket import WebSocket

NO_CREDENTIALS, INVALID, FORBIDDEN, EXPIRED = 4001, 4002, 4003, 4004
SOON_S = 4.0
"""(specification: Credentials)"""


@pytest.fixture(scope="module")
def founder(sqlite_server: Server) -> Member:
    return Member(sqlite_server, "founder")


@pytest.fixture(scope="module")
def community(founder: Member) -> str:
    return founder.found()


@pytest.fixture
def member(sqlite_server: Server, community: str) -> Member:
    return Member(sqlite_server).join(community)


def signed(member: Member, key: str = SECRET, algorithm: str = "HS256", **changed: Any) -> str:
    claims = jwt.decode(member.token, options={"verify_signature": False})
    return jwt.encode({**claims, **changed}, key if algorithm != "none" else "", algorithm)


def expired(member: Member) -> str:
    return signed(member, exp=int(time.time()) - 60)


def code_for(port: int, community: str, token: str | None, **options: Any) -> int:
    with PlainMember(port, community, token, **options) as socket:
        code = socket.wait_for_code()
        assert socket.heard == []
        return code


def refusal(port: int, community: str, token: str | None, **options: Any) -> int:
    with SocketioMember(port, community, token, **options) as client:
        assert client.joined["ok"] is False
        assert client.joined["error"].endswith(".")
        assert client.counts == []
        return client.joined["code"]


def refused_with(port: int, community: str, token: str | None) -> set[int]:
    return {code_for(port, community, token), refusal(port, community, token)}


# All ways to say who one is.


@pytest.mark.parametrize("path", ["visitors/", "visitors"])
def test_token_may_come_as_a_header(sqlite_server, community, member, path):
    with PlainMember(sqlite_server.port, community, member.token, path) as socket:
        assert socket.next_of_type("visitor_count")["count"] >= 1


def test_token_may_come_in_the_query(sqlite_server, community, member):
    with PlainMember(sqlite_server.port, community, query=f"?token={quote(member.token)}") as socket:
        assert socket.next_of_type("visitor_count")


@pytest.mark.parametrize("before", ["", "Bearer "])
def test_token_may_come_as_a_sub_protocol(sqlite_server, community, member, before):
    protocols = {"Sec-WebSocket-Protocol": f"Authorization, {before}{member.token}"}
    headers = [f"{name}: {value}" for name, value in protocols.items()]
    path = f"/ws/communities/{community}/visitors/"
    with WebSocket(sqlite_server.port, *headers, path=path) as socket:
        assert "Sec-WebSocket-Protocol: Authorization\r\n" in socket.handshake
        assert socket.event()["type"] == "visitor_count"


def test_session_of_a_browser_is_known_by_its_cookie(sqlite_server, community, member):
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in member.http.cookies)
    with PlainMember(sqlite_server.port, community, cookie=cookies) as socket:
        assert socket.next_of_type("visitor_count")


def test_cookie_from_a_foreign_page_counts_as_absent(sqlite_server, community, member):
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in member.http.cookies)
    assert (
        code_for(sqlite_server.port, community, None, cookie=cookies, origin="https://evil.example") == NO_CREDENTIALS
    )


@pytest.mark.parametrize("where", ["join", "auth", "query", "header"])
def test_socketio_takes_a_token_from_each_place(sqlite_server, community, member, where):
    query = f"?token={member.token}" if where == "query" else ""
    client = socketio.Client(reconnection=False)
    client.connect(
        f"http://127.0.0.1:{sqlite_server.port}/{query}",
        auth={"token": member.token} if where == "auth" else None,
        headers=member.bearer if where == "header" else {},
        transports=["websocket"],
    )
    said = {"room": "visitors", "communityId": community, **({"token": member.token} if where == "join" else {})}
    assert client.call("join", said, timeout=PATIENCE_S)["ok"] is True
    client.disconnect()


# All codes.


def test_4002_for_a_login_that_waits_for_its_second_step(sqlite_server, community, member):
    secret = member.call("POST", "/api/auth/totp", {"password": PASSWORD})["secret"]
    member.call("POST", "/api/auth/totp/confirm", {"code": pyotp.TOTP(secret).now()})
    due = member.call("POST", "/api/auth/login", {"email": member.email, "password": PASSWORD})
    token = due["second_factor"]["token"]
    assert refused_with(sqlite_server.port, community, token) == {INVALID}
    assert code_for(sqlite_server.port, community, None, cookie=f"refresh_token_cookie={token}") == INVALID


def test_4001_without_credentials(sqlite_server, community):
    assert refused_with(sqlite_server.port, community, None) == {NO_CREDENTIALS}


@pytest.mark.parametrize("wrong", ["no token", "another key", "alg none", "another algorithm", "a refresh token"])
def test_4002_for_a_token_that_is_not_ours(sqlite_server, community, member, wrong):
    token = {
        "no token": lambda: "x.y.z",
        "another key": lambda: signed(member, key="another key, as long as the one of the server is"),
        "alg none": lambda: signed(member, algorithm="none"),
        "another algorithm": lambda: signed(member, algorithm="HS512"),
        "a refresh token": lambda: member.refresh,
    }[wrong]()
    assert refused_with(sqlite_server.port, community, token) == {INVALID}


def test_4002_for_a_token_that_was_revoked(sqlite_server, community, member):
    member.call("POST", "/api/auth/logout")
    assert refused_with(sqlite_server.port, community, member.token) == {INVALID}


def test_4002_comes_before_4003(sqlite_server, member):
    member.call("POST", "/api/auth/logout")
    assert refused_with(sqlite_server.port, "none", member.token) == {INVALID}


def test_4004_for_a_token_that_has_expired(sqlite_server, community, member):
    assert refused_with(sqlite_server.port, community, expired(member)) == {EXPIRED}


def test_expired_token_is_accepted_next_to_a_live_session(sqlite_server, community, member):
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in member.http.cookies)
    with PlainMember(sqlite_server.port, community, expired(member), cookie=cookies) as socket:
        assert socket.next_of_type("visitor_count")
    member.call("POST", "/api/auth/logout")
    assert code_for(sqlite_server.port, community, expired(member), cookie=cookies) == EXPIRED


@pytest.mark.parametrize("which", ["not a member", "no community", "no UUID", "a path", "NUL"])
def test_4003_for_a_community_one_is_not_in(sqlite_server, community, which):
    stranger = Member(sqlite_server)
    where = {"not a member": community, "no community": str(uuid.uuid4()), "no UUID": "none"}
    asked = {**where, "a path": "%2e%2e", "NUL": "%00"}[which]
    assert code_for(sqlite_server.port, asked, stranger.token) == FORBIDDEN
    assert refusal(sqlite_server.port, asked, stranger.token) == FORBIDDEN


def test_4003_for_the_dashboard_of_a_community_one_is_only_a_member_of(sqlite_server, community, member):
    assert code_for(sqlite_server.port, community, member.token, path="visitor-dashboard/") == FORBIDDEN
    assert refusal(sqlite_server.port, community, member.token, room="visitor_dashboard") == FORBIDDEN


@pytest.mark.parametrize("role", ["moderator", "admin"])
def test_dashboard_is_for_moderators_and_admins(sqlite_server, founder, community, member, role):
    founder.give(community, member, role)
    with PlainMember(sqlite_server.port, community, member.token, path="visitor-dashboard") as socket:
        assert socket.next_of_type("dashboard_update")
    with SocketioMember(sqlite_server.port, community, member.token, room="visitor_dashboard") as client:
        assert client.joined["type"] == "dashboard_update"


def test_site_admin_may_be_everywhere(sqlite_server, community):
    admin = Member(sqlite_server)
    promote(sqlite_server, admin)
    with PlainMember(sqlite_server.port, community, admin.token, path="visitor-dashboard/") as socket:
        assert socket.next_of_type("dashboard_update")


def test_upper_case_id_is_the_same_community(sqlite_server, community, member):
    with PlainMember(sqlite_server.port, community.upper(), member.token) as socket:
        assert socket.next_of_type("visitor_count")["community_id"] == community


# What is taken away while one is connected.


ACCESS_REVOKED = {
    "logout": (INVALID, lambda founder, member, community: member.call("POST", "/api/auth/logout")),
    "removal": (
        FORBIDDEN,
        lambda founder, member, community: founder.call("DELETE", f"/api/communities/{community}/members/{member.id}"),
    ),
    "leaving": (
        FORBIDDEN,
        lambda founder, member, community: member.call("POST", f"/api/communities/{community}/leave"),
    ),
    "deletion": (FORBIDDEN, lambda founder, member, community: founder.call("DELETE", f"/api/communities/{community}")),
    "disabling": (
        FORBIDDEN,
        lambda founder, member, community: founder.server.koyjabo("user", "disable", member.email).check_returncode(),
    ),
}


@pytest.mark.parametrize("loss", ACCESS_REVOKED)
def test_sockets_of_one_who_loses_the_right_are_closed(sqlite_server, founder, loss):
    code, lose = ACCESS_REVOKED[loss]
    community = founder.found()
    member, other = (Member(sqlite_server).join(community) for _ in range(2))
    with (
        PlainMember(sqlite_server.port, community, member.token) as socket,
        SocketioMember(sqlite_server.port, community, member.token) as client,
        PlainMember(sqlite_server.port, community, other.token) as bystander,
    ):
        bystander.wait_for_count(2)
        lose(founder, member, community)
        assert socket.wait_for_code(SOON_S) == code
        kicked = client.next_of_type("kicked")
        assert kicked == {"type": "kicked", "room": "visitors", "communityId": community, "code": code}
        assert client.client.connected
        if loss != "deletion":
            assert bystander.wait_for_count(1)["type"] == "visitor_left"
            assert bystander.code is None


def test_dashboard_closes_for_one_who_is_no_moderator_any_more(sqlite_server, founder, community, member):
    founder.give(community, member, "moderator")
    with (
        PlainMember(sqlite_server.port, community, member.token, path="visitor-dashboard/") as dashboard,
        PlainMember(sqlite_server.port, community, member.token) as socket,
    ):
        dashboard.next_of_type("dashboard_update")
        socket.next_of_type("visitor_count")
        founder.give(community, member, "member")
        assert dashboard.wait_for_code(SOON_S) == FORBIDDEN
        assert socket.ask("ping", "pong")


def test_expiry_of_the_token_closes_nothing(sqlite_server, community, member):
    soon = signed(member, exp=int(time.time()) - 1)  # within the leeway for clocks, and some seconds later out of it
    with PlainMember(sqlite_server.port, community, soon) as socket:
        socket.next_of_type("visitor_count")
        wait_until(
            lambda: code_or_none(sqlite_server, community, soon) == EXPIRED, "the token has expired", every_s=0.3
        )
        Member(sqlite_server).call("POST", "/api/auth/logout")  # everybody is judged again
        assert socket.ask("ping", "pong")


def code_or_none(server: Server, community: str, token: str) -> int | None:
    with PlainMember(server.port, community, token) as probe:
        wait_until(lambda: probe.heard or probe.code, "it is let in or not")
        return probe.code


# What may be said.


def test_plain_clients_ping_and_ask_for_the_count(sqlite_server, community, member):
    with PlainMember(sqlite_server.port, community, member.token) as socket:
        first = socket.next_of_type("visitor_count")
        assert socket.ask("ping", "pong")["timestamp"]
        assert socket.ask("request_count", "visitor_count")["count"] == first["count"]


def test_socketio_clients_ask_for_the_count_of_the_room_they_name(sqlite_server, community, member):
    with SocketioMember(sqlite_server.port, community, member.token) as client:
        answer = client.ask("request_count", client.where)
        assert (answer["ok"], answer["type"]) == (True, "visitor_count")
        assert client.ask("request_count", {**client.where, "room": "visitor_dashboard"})["ok"] is False
        assert client.ask("request_count")["type"] == "visitor_update"


@pytest.mark.parametrize(
    "said",
    [None, "visitors", [], {}, {"room": "visitors"}, {"room": "stats", "communityId": "x"}, {"room": 5}, {"room": []}],
)
def test_join_that_names_no_room_is_refused(sqlite_server, community, member, said):
    with SocketioMember(sqlite_server.port, community, member.token) as client:
        for event in ("join", "leave"):
            answer = client.ask(event, said)
            assert (answer["ok"], answer["code"]) == (False, "invalid_message")
        assert client.next_of_type("error")["code"] == "invalid_message"


@pytest.mark.parametrize("kind", KINDS)
def test_rubbish_gets_an_error_and_the_socket_stays_open(sqlite_server, community, member, kind):
    with kind(sqlite_server.port, community, member.token) as socket:
        if kind is PlainMember:
            socket.say({"type": "shout"})
            assert socket.next_of_type("error")["code"] == "invalid_message"
            assert socket.ask("ping", "pong")
        else:
            assert socket.ask("shout")["ok"] is False
            assert socket.ask("ping")["ok"] is True


def test_plain_client_that_sends_nothing_but_rubbish_is_closed(sqlite_server, community, member):
    with PlainMember(sqlite_server.port, community, member.token) as socket:
        for _ in range(10):
            socket.say({"type": "shout"})
        assert socket.wait_for_code() == 1008


def test_handshake_that_is_none_is_a_bad_request(sqlite_server, community):
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(
            f"ws://127.0.0.1:{sqlite_server.port}/ws/communities/{community}/nowhere/", timeout=PATIENCE_S
        )
    assert refused.value.status_code == 404
