"""A session that its owner ends elsewhere: its sockets are closed, on every worker, of both kinds. And its refresh
tokens: only the newest opens any.
"""

from __future__ import annotations

import jwt
import pytest
import socketio
from support.changed_server import changed_server
from support.listener import PATIENCE_S, leave
from support.members import PASSWORD, Member, PlainMember
from support.processes import SECRET, wait_until

pytestmark = pytest.mark.waits

INVALID, EXPIRED = 4002, 4004


class Browser:
    """Somebody's cookies, which are renewed without closing what was opened with them. `refresh` are their refresh
    tokens, the newest last; the access token in the cookie expired long ago.
    """

    def __init__(self, owner: Member) -> None:
        self.port, self.owner = owner.server.port, owner
        self.refresh = [owner.refresh]

    def renew(self) -> None:
        self.owner.token = self.refresh[-1]
        self.refresh.append(self.owner.call("POST", "/api/auth/refresh")["refresh_token"])

    def code(self, community: str, refresh: str, token: str | None = None) -> int | None:
        """With which code a plain socket that shows this cookie, and maybe a token, is closed; None if it is not."""
        with PlainMember(self.port, community, token, cookie=f"refresh_token_cookie={refresh}") as socket:
            wait_until(lambda: socket.heard or socket.code, "it is let in or closed")
            return socket.code

    def connect(self, refresh: str) -> socketio.Client:
        own = f"http://127.0.0.1:{self.port}"
        client = socketio.Client(reconnection=False, websocket_extra_options={"origin": own})
        headers = {"Cookie": f"refresh_token_cookie={refresh}"}
        client.connect(own, headers=headers, transports=["websocket"], wait_timeout=PATIENCE_S)
        return client


def join(client: socketio.Client, community: str) -> int | None:
    said = client.call("join", {"room": "visitors", "communityId": community}, timeout=PATIENCE_S)
    return said.get("code")


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A server on which a refresh token that was renewed has been renewed for longer than is tolerated."""
    changes = {"koyjabo.accounts.queries.TOGETHER_MS": 0}
    with changed_server(tmp_path_factory.mktemp("server"), changes) as server:
        yield server


def expired(token: str) -> str:
    return jwt.encode({**jwt.decode(token, options={"verify_signature": False}), "exp": 1}, SECRET)


def test_refresh_token_that_was_renewed_opens_no_socket(strict):
    browser = Browser(Member(strict))
    community, old = browser.owner.found(), expired(browser.owner.token)
    assert browser.code(community, browser.refresh[0]) is None
    assert browser.code(community, browser.refresh[0], old) is None
    browser.renew()
    stolen, good = browser.refresh
    assert (browser.code(community, stolen), browser.code(community, good)) == (INVALID, None)
    assert (browser.code(community, stolen, old), browser.code(community, good, old)) == (EXPIRED, None)
    for refresh, code in ((stolen, INVALID), (good, None)):
        client = browser.connect(refresh)
        assert join(client, community) == code
        leave(client)


def test_only_the_one_before_is_good_for_some_seconds_more(sqlite_server):
    """A page that opens its socket while another tab of the browser renews its tokens."""
    browser = Browser(Member(sqlite_server))
    community = browser.owner.found()
    for _ in range(2):
        browser.renew()
    assert [browser.code(community, refresh) for refresh in browser.refresh] == [INVALID, None, None]


def test_socket_stays_when_the_token_that_opened_it_is_renewed(strict):
    """Also when whoever is there is judged again."""
    owner = Member(strict)
    browser, community, access = Browser(owner), owner.found(), owner.token
    cookie = f"refresh_token_cookie={browser.refresh[0]}"
    with PlainMember(strict.port, community, cookie=cookie) as socket:
        wait_until(lambda: socket.heard, "it is let in")
        browser.renew()
        owner.log_in()
        with PlainMember(strict.port, community, owner.token) as other:
            wait_until(lambda: other.heard, "the other session is let in")
            owner.token = access
            owner.call("POST", "/api/auth/password", {"current_password": PASSWORD, "new_password": "launch at dusk"})
            assert other.wait_for_code() == INVALID
        assert socket.ask("ping", "pong")
        assert socket.code is None


def test_client_that_was_let_in_joins_other_rooms_when_its_tokens_were_renewed(strict):
    """It has only the cookie of its handshake to show."""
    browser = Browser(Member(strict))
    one, other = browser.owner.found(), browser.owner.found("Mirpur 11")
    client, late = browser.connect(browser.refresh[0]), browser.connect(browser.refresh[0])
    assert join(client, one) is None
    browser.renew()
    assert (join(client, other), join(late, other)) == (None, INVALID)
    for each in (client, late):
        leave(each)
