"""The sockets of a community and of the panel: the same table as of all routes, for everybody there is, by both kinds
of client; and cookies from a page elsewhere.
"""

from __future__ import annotations

import pyotp
import pytest
import socketio
from support.listener import PATIENCE_S, leave
from support.members import PASSWORD, Member, PanelSocket, PlainMember, SocketioMember, promote
from support.permissions import ROLES, SOCKETS, may
from support.processes import wait_until
from support.server import Server

REFUSED = {"nobody": 4001, "revoked": 4002, "pending": 4002}
REFUSED |= dict.fromkeys(("disabled", "user", "invited", "viewer", "member"), 4003)
PANEL = "sockets.panel_stream"
PLACES = {
    "sockets.visitors_stream": ("visitors/", "visitors"),
    "sockets.dashboard_stream": ("visitor-dashboard/", "visitor_dashboard"),
}


@pytest.fixture(scope="module")
def people(sqlite_server: Server) -> dict[str, Member]:
    """One in each role; `admin` is admin of the community."""
    made = {role: Member(sqlite_server, f"socket-{role.replace('_', '-')}") for role in ROLES if role != "nobody"}
    community = made["admin"].found()
    for role in ("member", "moderator"):
        made["admin"].give(community, made[role], role)
    for role in ("disabled", "revoked"):
        made["admin"].give(community, made[role], "admin")
    made["revoked"].call("POST", "/api/auth/logout")
    assert sqlite_server.koyjabo("user", "disable", made["disabled"].email).returncode == 0
    promote(sqlite_server, made["site_admin"])
    assert sqlite_server.koyjabo("user", "role", made["viewer"].email, "viewer").returncode == 0
    invitation = {"email": made["invited"].email, "role": "admin"}
    made["admin"].call("POST", f"/api/communities/{community}/members", invitation)
    begin_login(made["pending"])
    return made


def begin_login(member: Member) -> None:
    """Their token is that of the second step, which is not made."""
    secret = member.call("POST", "/api/auth/totp", {"password": PASSWORD})["secret"]
    member.call("POST", "/api/auth/totp/confirm", {"code": pyotp.TOTP(secret).now()})
    credentials = {"email": member.email, "password": PASSWORD}
    member.token = member.call("POST", "/api/auth/login", credentials)["second_factor"]["token"]


@pytest.fixture(scope="module")
def community(people) -> str:
    return people["admin"].call("GET", "/api/communities")[0]["id"]


def test_table_has_every_socket_of_a_community():
    assert set(PLACES) == SOCKETS - {"sockets.stats_stream", PANEL}


@pytest.mark.parametrize("endpoint", PLACES)
@pytest.mark.parametrize("role", ROLES)
def test_who_is_let_in(sqlite_server, people, community, role, endpoint):
    token = people[role].token if role in people else None
    path, room = PLACES[endpoint]
    with PlainMember(sqlite_server.port, community, token, path=path) as plain:
        if may(role, endpoint):
            wait_until(lambda: plain.heard, "it is let in")
        else:
            assert plain.wait_for_code() == REFUSED[role]
            assert plain.heard == []
    with SocketioMember(sqlite_server.port, community, token, room=room) as client:
        assert client.joined["ok"] == may(role, endpoint), client.joined
        assert may(role, endpoint) or client.joined["code"] == REFUSED[role]


@pytest.mark.parametrize("role", ROLES)
def test_who_is_let_in_to_the_panel(sqlite_server, people, role):
    token = people[role].token if role in people else None
    with PanelSocket(sqlite_server.port, token) as socket:
        if may(role, PANEL):
            wait_until(lambda: socket.events, "it is let in")
            assert socket.events[0]["whole"] is True
        else:
            assert socket.wait_for_code() == REFUSED.get(role, 4003)
            assert socket.heard == []


@pytest.mark.parametrize(("origin", "code"), [("https://evil.example", 4001), ("null", 4001), (None, None)])
def test_cookie_opens_the_panel_on_our_own_pages_alone(sqlite_server, people, origin, code):
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in people["site_admin"].http.cookies)
    own = f"http://127.0.0.1:{sqlite_server.port}"
    with PanelSocket(sqlite_server.port, cookie=cookies, origin=origin or own) as socket:
        wait_until(lambda: socket.events or socket.code, "it is let in or closed")
        assert socket.code == code


def test_community_of_the_name_of_the_site_does_not_exist(sqlite_server, people):
    """`site` is the scope of the panel: no member of anything gets in by that name."""
    for role in ("member", "viewer", "site_admin"):
        with PlainMember(sqlite_server.port, "site", people[role].token) as plain:
            assert plain.wait_for_code() == 4003
        with SocketioMember(sqlite_server.port, "site", people[role].token) as client:
            assert client.joined["code"] == 4003


@pytest.mark.parametrize("room", ["visitors", "visitor_dashboard"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", None])
def test_cookie_of_a_socketio_client_counts_on_our_own_pages_alone(sqlite_server, people, community, origin, room):
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in people["admin"].http.cookies)
    own = f"http://127.0.0.1:{sqlite_server.port}"
    for transport in ("websocket", "polling"):
        client = socketio.Client(reconnection=False, websocket_extra_options={"origin": origin or own})
        headers = {"Cookie": cookies, **({"Origin": origin or own} if transport == "polling" else {})}
        client.connect(own, headers=headers, transports=[transport], wait_timeout=PATIENCE_S)
        joined = client.call("join", {"room": room, "communityId": community}, timeout=PATIENCE_S)
        leave(client)
        assert joined["ok"] == (origin is None), f"{transport}: {joined}"
        assert joined["ok"] or joined["code"] == 4001
