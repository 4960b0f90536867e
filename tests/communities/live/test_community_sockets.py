"""A community's sockets: credentials, revoked permissions, renewed tokens, and allowed messages."""

import time
import uuid
from typing import Any
from urllib.parse import quote

import jwt
import pytest
import socketio
from support.application.commands import koyjabo
from support.clients.listener import leave, new_client
from support.clients.members import PASSWORD, Member, PlainMember, SocketioMember, code_for
from support.clients.websocket import WebSocket
from support.programs.patience import PATIENCE_S
from support.programs.processes import SECRET, wait_until
from support.servers.changed_server import changed_server
from support.servers.server import Server

INVALID, FORBIDDEN, EXPIRED = 4002, 4003, 4004
SOON_S = PATIENCE_S
"""Limit on a busy machine. The specification promises a second (Credentials)."""


@pytest.fixture
def member(server: Server, community: str) -> Member:
    return Member(server).join(community)


def signed(member: Member, key: str = SECRET, algorithm: str = "HS256", **changed: Any) -> str:
    claims = jwt.decode(member.token, options={"verify_signature": False})
    return jwt.encode({**claims, **changed}, key if algorithm != "none" else "", algorithm)


def expired(member: Member) -> str:
    return signed(member, exp=int(time.time()) - 60)


def cookies_of(member: Member) -> str:
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in member.http.cookies)


def refused_with(port: int, community: str, token: str | None) -> set[int | None]:
    with SocketioMember(port, community, token) as client:
        return {code_for(port, community, token), client.joined.get("code")}


# All kinds of credentials.


def test_a_plain_socket_accepts_a_token_in_four_places(server, community, member):
    port = server.port
    for path, token, options in (
        ("visitors/", member.token, {}),
        ("visitors", member.token, {}),
        ("visitors/", None, {"query": f"?token={quote(member.token)}"}),
        ("visitors/", None, {"cookie": cookies_of(member)}),
    ):
        with PlainMember(port, community, token, path, **options) as socket:
            assert socket.next_of_type("visitor_count")["count"] >= 1, (path, options)
    with PlainMember(port, community.upper(), member.token) as socket:
        assert socket.next_of_type("visitor_count")["community_id"] == community
    for before in ("", "Bearer "):
        header = f"Sec-WebSocket-Protocol: Authorization, {before}{member.token}"
        with WebSocket(port, header, path=f"/ws/communities/{community}/visitors/") as socket:
            assert "Sec-WebSocket-Protocol: Authorization\r\n" in socket.handshake
            assert socket.event()["type"] == "visitor_count"


def test_a_socketio_client_may_send_its_token_in_four_places(server, community, member):
    for where in ("join", "auth", "query", "header"):
        client = new_client()
        query = f"?token={member.token}" if where == "query" else ""
        client.connect(
            f"http://127.0.0.1:{server.port}/{query}",
            auth={"token": member.token} if where == "auth" else None,
            headers=member.bearer if where == "header" else {},
            transports=["websocket"],
            wait_timeout=PATIENCE_S,
        )
        body = {"room": "visitors", "communityId": community, **({"token": member.token} if where == "join" else {})}
        assert client.call("join", body, timeout=PATIENCE_S)["ok"] is True, where
        client.disconnect()


def test_an_invalid_token_closes_a_socket_with_4002_even_of_an_unknown_community(server, community, member):
    wrong = {
        "no token": "x.y.z",
        "another key": signed(member, key="another key, as long as the one of the server is"),
        "alg none": signed(member, algorithm="none"),
        "another algorithm": signed(member, algorithm="HS512"),
        "a refresh token": member.refresh,
    }
    codes = {why: refused_with(server.port, community, token) for why, token in wrong.items()}
    assert codes == {why: {INVALID} for why in wrong}
    member.call("POST", "/api/auth/logout")
    assert refused_with(server.port, "none", member.token) == {INVALID}


def test_an_expired_token_closes_a_socket_with_4004_unless_its_session_is_live(server, community, member):
    port, cookies = server.port, cookies_of(member)
    assert refused_with(port, community, expired(member)) == {EXPIRED}
    assert code_for(port, community, expired(member), cookie=cookies) is None
    member.call("POST", "/api/auth/logout")
    assert code_for(port, community, expired(member), cookie=cookies) == EXPIRED


def test_a_socket_of_an_unknown_community_is_closed_with_4003(server):
    stranger = Member(server)
    for asked in (str(uuid.uuid4()), "none", "%2e%2e", "%00"):
        assert refused_with(server.port, asked, stranger.token) == {FORBIDDEN}


# Permissions revoked while connected.


def disable(founder: Member, member: Member, community: str) -> None:
    """Disable the user in another process than the server's, as the operator does."""
    assert koyjabo("user", "disable", member.email, DATABASE_URL=founder.server.database.url).exit_code == 0


ACCESS_REVOKED = {
    "logout": (INVALID, lambda founder, member, community: member.call("POST", "/api/auth/logout")),
    "removal": (
        FORBIDDEN,
        lambda founder, member, community: founder.call("DELETE", f"/api/communities/{community}/members/{member.id}"),
    ),
    "deletion": (FORBIDDEN, lambda founder, member, community: founder.call("DELETE", f"/api/communities/{community}")),
    "disabling": (FORBIDDEN, disable),
}


@pytest.mark.parametrize("loss", ACCESS_REVOKED)
def test_a_revocation_closes_the_sockets_of_the_person(server, founder, loss):
    code, lose = ACCESS_REVOKED[loss]
    community = founder.found()
    member, other = (Member(server).join(community) for _ in range(2))
    with (
        PlainMember(server.port, community, member.token) as socket,
        SocketioMember(server.port, community, member.token) as client,
        PlainMember(server.port, community, other.token) as bystander,
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


def test_a_dashboard_closes_when_its_moderator_loses_the_role(server, founder, community, member):
    founder.give(community, member, "moderator")
    with (
        PlainMember(server.port, community, member.token, path="visitor-dashboard/") as dashboard,
        PlainMember(server.port, community, member.token) as socket,
    ):
        dashboard.next_of_type("dashboard_update")
        socket.next_of_type("visitor_count")
        founder.give(community, member, "member")
        assert dashboard.wait_for_code(SOON_S) == FORBIDDEN
        assert socket.ask("ping", "pong")


# Messages.


def test_the_message_request_update_works_only_on_a_dashboard(server, community, founder):
    """Citinfos clients do this, and read the error's `message`."""
    with PlainMember(server.port, community, founder.token, "visitor-dashboard/") as dashboard:
        first = dashboard.next_of_type("dashboard_update")
        assert dashboard.ask("request_update", "dashboard_update")["data"].keys() == first["data"].keys()
    with PlainMember(server.port, community, founder.token) as socket:
        refused = socket.ask("request_update", "error")
        assert refused["message"] == refused["error"]


def test_a_socketio_client_requests_the_count_of_a_named_room(server, community, member):
    with SocketioMember(server.port, community, member.token) as client:
        answer = client.ask("request_count", client.where)
        assert (answer["ok"], answer["type"]) == (True, "visitor_count")
        assert client.ask("request_count", {**client.where, "room": "visitor_dashboard"})["ok"] is False
        assert client.ask("request_count")["type"] == "visitor_update"
        assert client.ask("shout")["ok"] is False
        assert client.ask("ping")["ok"] is True


def test_a_join_without_a_valid_room_is_refused(server, community, member):
    bodies = [None, "visitors", [], {}, {"room": "visitors"}, {"room": "stats", "communityId": "x"}]
    for body in (*bodies, {"room": 5}, {"room": []}):
        with SocketioMember(server.port, community, member.token) as client:
            for event in ("join", "leave"):
                answer = client.ask(event, body)
                assert (body, answer["ok"], answer["code"]) == (body, False, "invalid_message")
            assert client.next_of_type("error")["code"] == "invalid_message"


class Browser:
    """A user's cookies, with an access token that expired long ago. `refresh` lists the refresh tokens."""

    def __init__(self, server: Server) -> None:
        self.owner = Member(server)
        self.community = self.owner.found()
        self.refresh = [self.owner.refresh]

    def renew(self) -> None:
        self.owner.token = self.refresh[-1]
        self.refresh.append(self.owner.call("POST", "/api/auth/refresh")["refresh_token"])

    def code(self, refresh: str, token: str | None = None) -> int | None:
        """The close code of a plain socket with this cookie and, optionally, a token; None if it stays open."""
        cookie = f"refresh_token_cookie={refresh}"
        with PlainMember(self.owner.server.port, self.community, token, cookie=cookie) as socket:
            wait_until(lambda: socket.received or socket.code, "it is let in or closed")
            return socket.code

    def connect(self, refresh: str) -> socketio.Client:
        own = f"http://127.0.0.1:{self.owner.server.port}"
        client = new_client(websocket_extra_options={"origin": own})
        headers = {"Cookie": f"refresh_token_cookie={refresh}"}
        client.connect(own, headers=headers, transports=["websocket"], wait_timeout=PATIENCE_S)
        return client


def join(client: socketio.Client, community: str) -> int | None:
    reply = client.call("join", {"room": "visitors", "communityId": community}, timeout=PATIENCE_S)
    return reply.get("code")


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A server that no longer accepts a refresh token once it has been renewed."""
    changes = {"koyjabo.people.accounts.queries.TOGETHER_MS": 0}
    with changed_server(tmp_path_factory.mktemp("server"), changes) as server:
        yield server


def test_a_refresh_token_that_was_used_opens_no_socket(strict):
    browser = Browser(strict)
    old = jwt.encode({**jwt.decode(browser.owner.token, options={"verify_signature": False}), "exp": 1}, SECRET)
    assert (browser.code(browser.refresh[0]), browser.code(browser.refresh[0], old)) == (None, None)
    browser.renew()
    stolen, good = browser.refresh
    assert [browser.code(*shown) for shown in ((stolen,), (stolen, old))] == [INVALID, EXPIRED]
    assert [browser.code(*shown) for shown in ((good,), (good, old))] == [None, None]
    for refresh, code in ((stolen, INVALID), (good, None)):
        client = browser.connect(refresh)
        assert join(client, browser.community) == code
        leave(client)


def test_a_socket_stays_open_when_its_refresh_token_is_renewed(strict):
    """It stays even when the online members are checked again."""
    browser = Browser(strict)
    owner, community, access = browser.owner, browser.community, browser.owner.token
    cookie = f"refresh_token_cookie={browser.refresh[0]}"
    with PlainMember(strict.port, community, cookie=cookie) as socket:
        wait_until(lambda: socket.received, "it is let in")
        browser.renew()
        owner.log_in()
        with PlainMember(strict.port, community, owner.token) as other:
            wait_until(lambda: other.received, "the other session is let in")
            owner.token = access
            owner.call("POST", "/api/auth/password", {"current_password": PASSWORD, "new_password": "launch at dusk"})
            assert other.wait_for_code() == INVALID
        assert socket.ask("ping", "pong")
        assert socket.code is None


def test_an_admitted_client_joins_other_rooms_after_its_tokens_were_renewed(strict):
    """It can only present the cookie from its handshake."""
    browser = Browser(strict)
    other = browser.owner.found("Mirpur 11")
    client, late = browser.connect(browser.refresh[0]), browser.connect(browser.refresh[0])
    assert join(client, browser.community) is None
    browser.renew()
    assert (join(client, other), join(late, other)) == (None, INVALID)
    for socket in (client, late):
        leave(socket)
