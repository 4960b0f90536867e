"""When a session is revoked elsewhere, its sockets of both kinds are closed on every worker. Only the latest refresh
token opens a socket.
"""

import jwt
import pytest
import socketio
from support.clients.listener import leave
from support.clients.members import PASSWORD, Member, PlainMember
from support.programs.patience import PATIENCE_S
from support.programs.processes import SECRET, wait_until
from support.servers.changed_server import changed_server
from support.servers.server import Server

INVALID, EXPIRED = 4002, 4004


class Browser:
    """A user's cookies, which can be renewed without closing sockets. `refresh` lists the refresh tokens, the latest
    last. The access token in the cookie expired long ago.
    """

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
        client = socketio.Client(reconnection=False, websocket_extra_options={"origin": own})
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
