"""The React package on Citinfos pages with Citinfos tokens. Citinfos users have no account here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from react_page import ONLINE, ReactPage
from support.clients.members import Member, promote
from support.people.other_system import AUTH, token
from support.servers.server import Server

pytestmark = pytest.mark.long(
    proved_by="integrations/trusted_tokens/test_external_sockets.py::test_person_is_online_once_at_all_kinds_of_sockets"
)

COMMUNITY = "5c1a9a52-1d53-4b67-8f0e-0b7f8a9d6c11"
"""Citinfos' id for the community, which its URLs contain."""


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database) -> Server:
    server = module_servers(module_sqlite_database, **AUTH, LEAVE_GRACE_SECONDS=0).start()
    admin = Member(server)
    promote(server, admin)
    admin.call("PUT", f"/api/communities/by-ref/{COMMUNITY}", {"name": "Mirpur 10", "open": False})
    for user in ("41", "42"):
        path = f"/api/communities/{COMMUNITY}/members/by-ref/{user}"
        admin.call("PUT", path, {"role": "moderator", "name": f"User {user}"})
    return server


@pytest.fixture
def page(project: Path, server: Server) -> Iterator[ReactPage]:
    page = ReactPage(project, server.port)
    yield page
    page.close()


def test_counter_and_dashboard_work_with_tokens_of_citinfos(page):
    page.show("counter", "VisitorCounter", COMMUNITY, token=token("41"))
    page.wait_to_show("counter", ONLINE, '<span class="count">1</span>')
    page.show("other", "VisitorCounter", COMMUNITY, token=token("42"))
    page.wait_to_show("counter", ONLINE, '<span class="count">2</span>')
    page.show("dashboard", "VisitorDashboard", COMMUNITY, token=token("41"))
    page.wait_to_show("dashboard", "2")
    page.hide("other")
    page.wait_to_show("counter", ONLINE, '<span class="count">1</span>')


def test_refresh_token_and_stranger_stay_away(page):
    page.show("refresh", "VisitorCounter", COMMUNITY, token=token("41", token_type="refresh"))
    page.wait_for("closed", name="refresh", code=4002)
    page.show("stranger", "VisitorCounter", COMMUNITY, token=token("43"))
    page.wait_for("closed", name="stranger", code=4003)
