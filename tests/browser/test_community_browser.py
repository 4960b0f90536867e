"""What a browser's own WebSocket sees of a community: the codes it is closed with, its session, a reload."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import jwt
import pytest
from support.members import Member, PlainMember
from support.pages import visit
from support.processes import SECRET
from support.redis import free_port
from support.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Page

GRACE_S = 15

SIGN_UP = """
async () => {
const answer = await fetch("/api/auth/signup", {
  method: "POST", headers: {"Content-Type": "application/json"},
  body: JSON.stringify({email: "browser@example.com", password: "rickshaw at dawn", name: "Browser"}),
});
return await answer.json();
}
"""

FIRST = """
async () => {
const socket = window.socket = new WebSocket(`ws://${location.host}PATH`, PROTOCOLS);
return await new Promise((resolve) => {
  socket.onmessage = ({ data }) => resolve({ event: JSON.parse(data), protocol: socket.protocol });
  socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
});
}
"""

ACCEPT = """
async (token) => {
const csrf = document.cookie.match(/csrf_access_token=([^;]+)/)[1];
const answer = await fetch(`/api/invitations/${token}/accept`, { method: "POST", headers: { "X-CSRF-TOKEN": csrf } });
return answer.status;
}
"""

LOG_OUT = """
async () => {
const csrf = document.cookie.match(/csrf_access_token=([^;]+)/)[1];
const closed = new Promise((resolve) => { window.socket.onclose = ({ code }) => resolve(code); });
const answer = await fetch("/api/auth/logout", { method: "POST", headers: { "X-CSRF-TOKEN": csrf } });
return [answer.status, await closed];
}
"""


@pytest.fixture(scope="module")
def site(module_servers, module_sqlite_database) -> Server:
    """With a long grace: pages come back slowly on a busy machine."""
    return module_servers(module_sqlite_database, PORT=free_port(), LEAVE_GRACE_SECONDS=GRACE_S).start()


@pytest.fixture(scope="module")
def community(founder):
    return founder.found()


@pytest.fixture
def page(page):
    visit(page)
    return page


def first(page: Page, community: str, protocols: list[str], room: str = "visitors/") -> dict:
    script = FIRST.replace("PATH", f"/ws/communities/{community}/{room}").replace("PROTOCOLS", json.dumps(protocols))
    return page.evaluate(script)


def expired(member: Member) -> str:
    claims = jwt.decode(member.token, options={"verify_signature": False})
    return jwt.encode({**claims, "exp": int(time.time()) - 60}, SECRET, "HS256")


def test_codes_are_seen_by_the_page(page, founder, community):
    stranger = Member(founder.server)
    seen = {
        4001: first(page, community, []),
        4002: first(page, community, ["Authorization", "x.y.z"]),
        4003: first(page, community, ["Authorization", stranger.token]),
        4004: first(page, community, ["Authorization", expired(founder)]),
    }
    for code, ending in seen.items():
        assert (ending["code"], ending["wasClean"]) == (code, True)
        assert ending["reason"].endswith(".")


def test_token_as_a_sub_protocol_opens_the_socket(page, founder, community):
    opened = first(page, community, ["Authorization", founder.token])
    assert (opened["event"]["type"], opened["protocol"]) == ("visitor_count", "Authorization")


def test_session_of_the_browser_opens_the_socket_and_logout_closes_it(page, site, founder, community):
    me = page.evaluate(SIGN_UP)["user"]
    invitation = {"email": me["email"], "role": "moderator"}
    link = founder.call("POST", f"/api/communities/{community}/members", invitation)["link"]
    assert page.evaluate(ACCEPT, link.rpartition("/")[2]) == 201
    assert first(page, community, [])["event"]["type"] == "visitor_count"
    with PlainMember(site.port, community, founder.token) as watcher:
        watcher.next_of_type("visitor_count")
        count = watcher.count
        visit(page, "/docs/")  # away from the page, and back within the grace
        visit(page, "/")
        assert first(page, community, [])["event"]["count"] == count
        assert first(page, community, [], "visitor-dashboard/")["event"]["type"] == "dashboard_update"
        assert page.evaluate(LOG_OUT) == [204, 4002]
        watcher.wait_for_count(count - 1, 2 * GRACE_S)
        assert [told["change"] for told in watcher.counts] == [0, -1]
    assert first(page, community, [])["code"] == 4001
