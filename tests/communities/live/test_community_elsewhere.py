"""Communities in one process: under any WSGI server, with Flask-SocketIO's test client, on real threads."""

from __future__ import annotations

import pytest
from support.account_calls import sign_up
from support.app_fixtures import UPGRADE, Site, assert_error
from support.community_calls import found
from support.processes import wait_until

from koyjabo.extensions import socketio


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


class Client:
    """A Socket.IO client of the tests' own process."""

    def __init__(self, site: Site, token: str) -> None:
        self.heard: list[dict] = []
        self._client = socketio.test_client(site.app, auth={"token": token})

    def ask(self, event: str, said: dict) -> dict:
        return self._client.emit(event, said, callback=True)

    def events(self, kind: str) -> list[dict]:
        self.heard += [each["args"][0] for each in self._client.get_received()]
        return [each for each in self.heard if each["type"] == kind]

    def leave(self) -> None:
        self._client.disconnect()


def test_members_hear_of_each_other_until_the_membership_ends(site):
    ayesha, babul = sign_up(site, "ayesha"), sign_up(site, "babul")
    community = found(ayesha)["id"]
    assert babul.post(f"/api/communities/{community}/join").status_code == 201
    where = {"room": "visitors", "communityId": community}
    first = Client(site, ayesha.access)
    assert first.ask("join", where)["count"] == 1
    second = Client(site, babul.access)
    assert second.ask("join", where) == {"ok": True, **second.events("visitor_count")[0]}
    wait_until(lambda: first.events("visitor_joined"), "the first hears of the second")
    second.leave()
    assert wait_until(lambda: first.events("visitor_left"), "and that they left")[0]["count"] == 1
    third = Client(site, babul.access)
    assert third.ask("join", where)["ok"] is True
    assert ayesha.delete(f"/api/communities/{community}/members/{babul.id}").status_code == 204
    assert wait_until(lambda: third.events("kicked"), "it is sent away")[0]["code"] == 4003


def test_plain_upgrade_is_answered_with_501_and_a_sentence(site):
    for path in ("visitors", "visitors/", "visitor-dashboard", "visitor-dashboard/"):
        answer = site.client.get(f"/ws/communities/none/{path}", headers=UPGRADE, base_url="ws://localhost")
        assert_error(answer, 501, "websockets_unavailable")
