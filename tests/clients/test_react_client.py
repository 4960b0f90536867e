"""The installed React package with a real server."""

import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from react_page import OFFLINE, ONLINE, ReactPage
from support.clients.members import Member, PlainMember
from support.programs.ports import free_port
from support.programs.processes import SECRET
from support.servers.server import Server

pytestmark = pytest.mark.long(proved_by="browser/test_community_pages.py::test_counter_follows_arrivals_and_departures")

LONG_GRACE_S = 60
"""Grace period after an unclean disconnect. A client that left sooner disconnected cleanly."""


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database) -> Server:
    """A server that keeps its port across restarts."""
    settings = {"PORT": free_port(), "LEAVE_GRACE_SECONDS": LONG_GRACE_S}
    return module_servers(module_sqlite_database, **settings).start()


@pytest.fixture
def community(founder: Member) -> str:
    return founder.found()


@pytest.fixture(scope="module")
def shared_page(project: Path, server: Server) -> Iterator[ReactPage]:
    page = ReactPage(project, server.port)
    yield page
    page.close()


@pytest.fixture
def page(shared_page: ReactPage) -> Iterator[ReactPage]:
    yield shared_page
    shared_page.clear()


def expired(member: Member) -> str:
    claims = jwt.decode(member.token, options={"verify_signature": False})
    return jwt.encode({**claims, "exp": int(time.time()) - 60}, SECRET, "HS256")


def test_counter_moves_as_people_come_and_go_and_refreshes_on_request(server, founder, community, page):
    page.show("hook", "Hook", community, token=founder.token)
    page.wait_to_show("hook", "1 true")
    page.click("hook")
    answer = page.wait_for_event(2)
    assert (answer["type"], answer["count"], answer["change"]) == ("visitor_count", 1, 0)
    page.hide("hook")
    guest = Member(server).join(community)
    with PlainMember(server.port, community, founder.token) as watcher:
        page.show("counter", "VisitorCounter", community, token=guest.token)
        watcher.wait_for_count(2)
        page.wait_to_show("counter", ONLINE, '<span class="count">2</span>')
        page.wait_for("console", kind="log", line="WebSocket connected")
        page.hide("counter")
        assert watcher.wait_for_count(1)["type"] == "visitor_left", "at once, which is a goodbye"
    page.wait_for("console", kind="log", line="WebSocket disconnected")


def test_after_a_restart_who_was_refused_stays_away_and_who_was_not_is_back(server, founder, community, page):
    page.show("refused", "VisitorCounter", community, token="x.y.z")
    page.wait_for("closed", name="refused", code=4002)
    page.show("welcome", "VisitorCounter", community, token=founder.token)
    page.wait_to_show("welcome", ONLINE, '<span class="count">1</span>')
    server.stop()
    page.wait_to_show("welcome", OFFLINE)
    assert page.wait_for("closed", name="welcome")["code"] == 1001
    server.start()
    page.wait_to_show("welcome", ONLINE, '<span class="count">1</span>')
    assert page.sockets(founder.token) > 1
    assert page.sockets("x.y.z") == 1
    assert OFFLINE in page.html("refused")


def test_expired_token_is_renewed_and_the_session_of_a_browser_needs_none(project, server, founder, community, page):
    guest = Member(server).join(community)
    page.show("counter", "VisitorCounter", community, token=expired(guest), refresh=guest.refresh)
    page.wait_for("closed", name="counter", code=4004)
    page.wait_to_show("counter", ONLINE, '<span class="count">1</span>')
    assert len(page.events("socket")) == 2
    page.hide("counter")
    cookies = [f"{cookie.name}={cookie.value}; Path={cookie.path}" for cookie in founder.http.cookies]
    another = ReactPage(project, server.port, cookies)
    another.show("counter", "VisitorCounter", community)
    another.wait_to_show("counter", ONLINE, '<span class="count">1</span>')
    assert another.events("socket")[0]["protocols"] == []
    another.close()


def test_removed_member_is_offline_and_the_page_gets_the_reason(server, founder, community, page):
    guest = Member(server).join(community)
    page.show("counter", "VisitorCounter", community, token=guest.token)
    page.wait_to_show("counter", ONLINE)
    page.show("dashboard", "VisitorDashboard", community, token=guest.token)
    assert page.wait_for("closed", name="dashboard", code=4003)["reason"].endswith(".")
    assert page.html("dashboard") == "<div>Loading...</div>"
    founder.call("DELETE", f"/api/communities/{community}/members/{guest.id}")
    assert page.wait_for("closed", name="counter", code=4003)["reason"].endswith(".")
    page.wait_to_show("counter", OFFLINE)
