"""Communities in one process, on real threads and any WSGI server, with timing that sockets hit only by chance."""

from __future__ import annotations

import pytest
from support.application.site import UPGRADE, Site, assert_error
from support.people.accounts import sign_up
from support.people.communities import found
from support.people.seats import seat_of
from support.programs.processes import wait_until

from koyjabo.base.core.errors import Forbidden
from koyjabo.base.core.extensions import socketio
from koyjabo.base.models import Scope
from koyjabo.communities.services import CommunityServices
from koyjabo.realtime.services import RealtimeServices


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


@pytest.fixture
def community(ayesha) -> str:
    return found(ayesha)["id"]


def online(site: Site, community: str) -> int:
    return site.services[CommunityServices].people.online(community)[0]


def test_participant_is_online_from_joining_to_leaving(site, ayesha, community):
    seat = seat_of(site, ayesha, community)
    assert seat.scope == Scope(community)
    assert site.services[CommunityServices].rooms.join(seat)["count"] == 1
    assert online(site, community) == 1
    site.services[CommunityServices].rooms.leave(seat)
    assert online(site, community) == 0
    assert site.services[RealtimeServices].rooms.find(f"visitors_{community}") is None


def test_client_that_disconnected_before_joining_leaves_nothing_in_the_room(site, ayesha, community):
    """A Socket.IO client that has already disconnected."""
    assert site.services[CommunityServices].rooms.join(seat_of(site, ayesha, community, member="nobody's sid")) is None
    assert online(site, community) == 0
    assert site.services[RealtimeServices].rooms.find(f"visitors_{community}") is None


def test_permission_revoked_during_a_join_is_the_reason_given(site, ayesha, community, monkeypatch):
    communities = site.services[CommunityServices]
    problems: list = []
    seat = seat_of(site, ayesha, community, problems.append)
    settled = communities.people._members.wait_until_counted

    def removed(*arguments):
        site.rows("DELETE FROM memberships")
        site.services[CommunityServices].revocation.publish(ayesha.id)
        wait_until(lambda: problems, "they are sent away")
        return settled(*arguments)

    monkeypatch.setattr(communities.people._members, "wait_until_counted", removed)
    with pytest.raises(Forbidden):
        communities.rooms.join(seat)
    assert [type(problem) for problem in problems] == [Forbidden]
    assert online(site, community) == 0


class Client:
    """A Socket.IO client in the tests' process."""

    def __init__(self, site: Site, token: str) -> None:
        self.received: list[dict] = []
        self._client = socketio.test_client(site.app, auth={"token": token})

    def ask(self, event: str, body: dict) -> dict:
        return self._client.emit(event, body, callback=True)

    def events(self, kind: str) -> list[dict]:
        self.received += [packet["args"][0] for packet in self._client.get_received()]
        return [event for event in self.received if event["type"] == kind]

    def leave(self) -> None:
        self._client.disconnect()


def test_members_receive_events_of_each_other_until_the_membership_ends(site):
    ayesha, babul = sign_up(site, "ayesha"), sign_up(site, "babul")
    community = found(ayesha)["id"]
    assert babul.post(f"/api/communities/{community}/join").status_code == 201
    where = {"room": "visitors", "communityId": community}
    first = Client(site, ayesha.access)
    assert first.ask("join", where)["count"] == 1
    second = Client(site, babul.access)
    assert second.ask("join", where) == {"ok": True, **second.events("visitor_count")[0]}
    wait_until(lambda: first.events("visitor_joined"), "the first learns of the second")
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
