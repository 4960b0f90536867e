"""Members who come into a community's room and go, at moments that sockets hit by chance only."""

from __future__ import annotations

import pytest
from support.account_calls import Person, sign_up
from support.app_fixtures import Site
from support.community_calls import found
from support.processes import wait_until
from support.seats import seat_of

from koyjabo.errors import Forbidden
from koyjabo.models import Scope


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


@pytest.fixture
def ayesha(site) -> Person:
    return sign_up(site)


@pytest.fixture
def community(ayesha) -> str:
    return found(ayesha)["id"]


def online(site: Site, community: str) -> int:
    return site.services.communities.rooms.online(community)[0]


def test_one_who_is_let_in_is_online_until_they_leave(site, ayesha, community):
    seat = seat_of(site, ayesha, community)
    assert seat.scope == Scope(community)
    assert site.services.communities.rooms.join(seat)["count"] == 1
    assert online(site, community) == 1
    site.services.communities.rooms.leave(seat)
    assert online(site, community) == 0
    assert site.services.realtime.rooms.find(f"visitors_{community}") is None


def test_one_who_was_gone_when_the_room_would_have_let_them_in_leaves_nothing_behind(site, ayesha, community):
    """A Socket.IO client that is not connected any more."""
    assert site.services.communities.rooms.join(seat_of(site, ayesha, community, member="nobody's sid")) is None
    assert online(site, community) == 0
    assert site.services.realtime.rooms.find(f"visitors_{community}") is None


def test_right_that_is_lost_while_one_is_let_in_is_the_reason_they_are_told(site, ayesha, community, monkeypatch):
    attendance = site.services.communities.rooms
    told: list = []
    seat = seat_of(site, ayesha, community, told.append)
    settled = attendance._members.wait_until_counted

    def removed(*arguments):
        site.rows("DELETE FROM memberships")
        site.services.communities.revocation.publish(ayesha.id)
        wait_until(lambda: told, "they are sent away")
        return settled(*arguments)

    monkeypatch.setattr(attendance._members, "wait_until_counted", removed)
    with pytest.raises(Forbidden):
        attendance.join(seat)
    assert [type(problem) for problem in told] == [Forbidden]
    assert online(site, community) == 0
