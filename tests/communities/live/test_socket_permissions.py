"""Permissions for sockets of communities and the panel, for each role and kind of client; cookies of other sites."""

import pyotp
import pytest
from support.clients.listener import leave, new_client
from support.clients.members import PASSWORD, Member, PanelSocket, PlainMember, SocketioMember
from support.people.permissions import ANYBODY, MEMBER, ROLES, RULES, SITE_ADMIN, SOCKETS, USER, VIEWER
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.server import Server

REFUSED = {"nobody": 4001, "revoked": 4002, "pending": 4002}
REFUSED |= dict.fromkeys(("disabled", "user", "invited", "viewer", "member", "moderator", "admin"), 4003)
PANEL = "panel_streams.panel_stream"
PLACES = {
    "sockets.visitors_stream": ("visitors/", "visitors"),
    "sockets.dashboard_stream": ("visitor-dashboard/", "visitor_dashboard"),
}
IN_SQL = {"disabled": "disabled_ms = 1", "site_admin": "is_admin = true", "viewer": "is_viewer = true"}


def may(role: str, endpoint: str) -> bool:
    least = RULES[endpoint]
    if least == VIEWER:
        return role in (VIEWER, SITE_ADMIN)
    if role == VIEWER:
        return least in (ANYBODY, USER, MEMBER)
    return ROLES.index(role) >= ROLES.index(least)


@pytest.fixture(scope="module")
def people(sqlite_server: Server) -> dict[str, Member]:
    """One person per role. `admin` is an admin of the community."""
    made = {role: Member(sqlite_server, f"socket-{role.replace('_', '-')}") for role in ROLES if role != "nobody"}
    community = made["admin"].found()
    for role in ("member", "moderator"):
        made["admin"].give(community, made[role], role)
    for role in ("disabled", "revoked"):
        made["admin"].give(community, made[role], "admin")
    made["revoked"].call("POST", "/api/auth/logout")
    for role, change in IN_SQL.items():
        sqlite_server.database.rows(f"UPDATE users SET {change} WHERE id = '{made[role].id}'")
    invitation = {"email": made["invited"].email, "role": "admin"}
    made["admin"].call("POST", f"/api/communities/{community}/members", invitation)
    begin_login(made["pending"])
    return made


def begin_login(member: Member) -> None:
    """Start a two-step login, and keep its token."""
    secret = member.call("POST", "/api/auth/totp", {"password": PASSWORD})["secret"]
    member.call("POST", "/api/auth/totp/confirm", {"code": pyotp.TOTP(secret).now()})
    credentials = {"email": member.email, "password": PASSWORD}
    member.token = member.call("POST", "/api/auth/login", credentials)["second_factor"]["token"]


@pytest.fixture(scope="module")
def community(people) -> str:
    return people["admin"].call("GET", "/api/communities")[0]["id"]


def cookies_of(member: Member) -> str:
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in member.http.cookies)


def test_the_table_of_permissions_contains_every_community_socket():
    assert set(PLACES) == SOCKETS - {"sockets.stats_stream", "share_streams.share_stream", PANEL}


@pytest.mark.parametrize("endpoint", PLACES)
def test_a_community_socket_admits_only_sufficient_roles(sqlite_server, people, community, endpoint):
    path, room = PLACES[endpoint]
    for role in ROLES:
        token, expected = getattr(people.get(role), "token", None), None if may(role, endpoint) else REFUSED[role]
        with PlainMember(sqlite_server.port, community, token, path=path) as plain:
            wait_until(lambda plain=plain: plain.received or plain.code, "it is let in or closed")
            assert (role, plain.code, bool(plain.received)) == (role, expected, expected is None)
        with SocketioMember(sqlite_server.port, community, token, room=room) as client:
            assert (role, client.joined.get("code")) == (role, expected)
            assert client.joined["ok"] == (expected is None)
            assert expected is None or (client.joined["error"].endswith("."), client.counts) == (True, [])


def test_the_panel_socket_admits_only_site_admins_and_viewers(sqlite_server, people):
    for role in ROLES:
        with PanelSocket(sqlite_server.port, getattr(people.get(role), "token", None)) as socket:
            wait_until(lambda socket=socket: socket.received or socket.code, "it is let in or closed")
            expected = None if may(role, PANEL) else REFUSED[role]
            assert (role, socket.code, [event["whole"] for event in socket.events]) == (
                *(role, expected),
                [True] * (expected is None),
            )


def test_a_community_socket_refuses_the_name_of_the_site(sqlite_server, people):
    """`site` is the scope of the panel: no member of a community gets in by that name."""
    for role in ("member", "viewer", "site_admin"):
        with PlainMember(sqlite_server.port, "site", people[role].token) as plain:
            assert plain.wait_for_code() == 4003
        with SocketioMember(sqlite_server.port, "site", people[role].token) as client:
            assert client.joined["code"] == 4003


def test_a_socket_accepts_a_cookie_only_from_our_own_pages(sqlite_server, people, community):
    own = f"http://127.0.0.1:{sqlite_server.port}"
    for origin in (own, "https://evil.example", "null", "http://localhost:1"):
        expected = None if origin == own else 4001
        with PanelSocket(sqlite_server.port, cookie=cookies_of(people["site_admin"]), origin=origin) as socket:
            wait_until(lambda socket=socket: socket.events or socket.code, "it is let in or closed")
            assert (origin, socket.code) == (origin, expected)
        cookie = cookies_of(people["admin"])
        with PlainMember(sqlite_server.port, community, cookie=cookie, origin=origin) as plain:
            wait_until(lambda plain=plain: plain.received or plain.code, "it is let in or closed")
            assert (origin, plain.code) == (origin, expected)
        for transport in ("websocket", "polling"):
            client = new_client(websocket_extra_options={"origin": origin})
            headers = {"Cookie": cookie, **({"Origin": origin} if transport == "polling" else {})}
            client.connect(own, headers=headers, transports=[transport], wait_timeout=PATIENCE_S)
            for room in ("visitors", "visitor_dashboard"):
                joined = client.call("join", {"room": room, "communityId": community}, timeout=PATIENCE_S)
                assert (origin, transport, joined.get("code")) == (origin, transport, expected)
            leave(client)
