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

pytestmark = pytest.mark.long(
    proved_by="browser/test_community_pages.py::test_the_counter_of_a_community_follows_arrivals_departures_and_visits"
)

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


def test_the_react_counter_follows_people_who_come_and_go(server, founder, community, page):
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


def test_the_react_counter_reconnects_after_a_restart_unless_its_token_was_refused(server, founder, community, page):
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


def test_the_react_counter_renews_an_expired_token_and_needs_none_with_a_session(
    project, server, founder, community, page
):
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
