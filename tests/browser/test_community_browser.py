"""What a browser's own WebSocket sees of a community: the codes it is closed with, its session, a reload."""

from __future__ import annotations

import json

import pytest
from support.members import Member, PlainMember
from support.pages import open_as, visit

pytestmark = pytest.mark.long(proved_by="browser/test_community_pages.py::test_counter_follows_those_who_come_and_go")

GRACE_S = 15
FIRST = """
async () => {
const socket = window.socket = new WebSocket(`ws://${location.host}PATH`, PROTOCOLS);
return await new Promise((resolve) => {
  socket.onmessage = ({ data }) => resolve([JSON.parse(data).type, socket.protocol, JSON.parse(data).count]);
  socket.onclose = ({ code, wasClean }) => resolve([code, wasClean]);
});
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
def site(new_site):
    """With a long grace: pages come back slowly on a busy machine."""
    return new_site(LEAVE_GRACE_SECONDS=GRACE_S)


def first(page, community: str, protocols: list[str], room: str = "visitors/") -> list:
    """The first event and the protocol, or how the socket was closed."""
    script = FIRST.replace("PATH", f"/ws/communities/{community}/{room}").replace("PROTOCOLS", json.dumps(protocols))
    return page.evaluate(script)


def test_codes_and_protocol_are_seen_by_the_page(page, founder, community):
    visit(page)
    for token, code in (("", 4001), ("x.y.z", 4002), (Member(founder.server).token, 4003)):
        assert first(page, community, ["Authorization", token] if token else []) == [code, True]
    assert first(page, community, ["Authorization", founder.token]) == ["visitor_count", "Authorization", 1]


def test_session_of_the_browser_opens_the_socket_and_logout_closes_it(device, site, founder, community):
    guest = Member(site)
    founder.give(community, guest, "moderator")
    page = open_as(device, guest, "/")
    count = first(page, community, [])[2]
    with PlainMember(site.port, community, founder.token) as watcher:
        watcher.next_of_type("visitor_count")
        visit(page, "/docs/")  # away from the page, and back within the grace
        visit(page, "/")
        assert first(page, community, []) == ["visitor_count", "", count + 1]
        assert first(page, community, [], "visitor-dashboard/")[0] == "dashboard_update"
        assert page.evaluate(LOG_OUT) == [204, 4002]
        watcher.wait_for_count(count, 2 * GRACE_S)
        assert [told["change"] for told in watcher.counts] == [0, -1]
    assert first(page, community, []) == [4001, True]
