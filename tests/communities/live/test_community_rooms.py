"""Communities in one process, on real threads and any WSGI server, with timing that sockets hit only by chance."""

import pytest
from support.application.site import Site
from support.people.communities import found
from support.people.seats import seat_of
from support.programs.processes import wait_until

from koyjabo.base.core.errors import Forbidden
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
    assert site.services[CommunityServices].admission.join(seat)["count"] == 1
    assert online(site, community) == 1
    site.services[CommunityServices].admission.leave(seat)
    assert online(site, community) == 0
    assert site.services[RealtimeServices].rooms.find(f"visitors_{community}") is None


def test_client_that_disconnected_before_joining_leaves_nothing_in_the_room(site, ayesha, community):
    """A Socket.IO client that has already disconnected."""
    assert (
        site.services[CommunityServices].admission.join(seat_of(site, ayesha, community, member="nobody's sid")) is None
    )
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
        communities.admission.join(seat)
    assert [type(problem) for problem in problems] == [Forbidden]
    assert online(site, community) == 0
