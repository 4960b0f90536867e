"""Communities over two workers: one person is one, wherever their sockets are, and whatever dies."""

from __future__ import annotations

import time
from contextlib import ExitStack
from statistics import median

import psutil
import pytest
from support.databases import SqliteDatabase
from support.members import KINDS, CommunityListener, Member, PlainMember, SocketioMember, members
from support.processes import wait_until
from support.server import Server
from support.workers import AT_ONCE_S, only, two_workers

pytestmark = pytest.mark.waits

GONE_S = 15
"""(specification: promise 5)"""

FORBIDDEN = 4003
SOON_S = 1.0


@pytest.fixture
def server(new_server, tmp_path, mortal_redis) -> Server:
    database = SqliteDatabase.migrated(tmp_path / "koyjabo.db")
    return two_workers(new_server(database, REDIS_URL=mortal_redis.url, LEAVE_GRACE_SECONDS=1))


@pytest.fixture
def founder(server) -> Member:
    return Member(server)


@pytest.fixture
def community(founder) -> str:
    return founder.found()


def open_on(
    worker: psutil.Process, member: Member, community: str, kind: type = PlainMember, **options
) -> CommunityListener:
    """A socket on a worker of one's choice; it has been let in."""
    with only(member.server, worker):
        socket = kind(member.server.port, community, member.token, **options)
    wait_until(lambda: socket.heard, "it is let in")
    return socket


def test_tabs_on_two_workers_are_one_person(server, community):
    left, right = server.workers()
    first, second = members(server, community, 2)
    with ExitStack() as stack:
        watchers = [stack.enter_context(open_on(worker, first, community)) for worker in (left, right)]
        for watcher in watchers:
            watcher.wait_for_count(1)
        tabs = [open_on(worker, second, community, kind) for worker in (left, right) for kind in KINDS]
        for tab in tabs:
            assert tab.counts[0]["count"] == 2
        for tab in tabs[:3]:
            tab.close()
        time.sleep(1.5)
        tabs[3].close()
        for watcher in watchers:
            watcher.wait_for_count(1)
            assert [told["count"] for told in watcher.counts if told["change"]] == [2, 1]
            watcher.assert_adds_up()


def test_change_on_one_worker_is_told_on_the_other_at_once(server, community):
    left, right = server.workers()
    first, second = members(server, community, 2)
    with open_on(left, first, community) as watcher:
        took_s = []
        for _ in range(5):
            one = open_on(right, second, community)
            watcher.wait_for_count(2)
            began = time.monotonic()
            one.close()
            watcher.wait_for_count(1)
            took_s.append(time.monotonic() - began)
        assert sorted(took_s)[2] < AT_ONCE_S, took_s
        watcher.assert_adds_up()


def test_people_of_a_killed_worker_are_gone_within_15_s_and_each_of_them_once(server, community):
    left, right = server.workers()
    crowd = members(server, community, 4)
    with open_on(left, crowd[0], community) as watcher:
        victims = [open_on(right, one, community, KINDS[number % 2]) for number, one in enumerate(crowd[1:])]
        watcher.wait_for_count(4)
        before = len(watcher.counts)
        right.kill()
        began = time.monotonic()
        watcher.wait_for_count(1, GONE_S)
        assert time.monotonic() - began <= GONE_S
        gone = [-told["change"] for told in watcher.counts[before:]]  # leases that began apart may run out apart
        assert (sum(gone), min(gone) > 0) == (3, True)
        watcher.assert_adds_up()
        for victim in victims:
            victim.close()


def test_who_comes_back_after_their_worker_was_killed_has_never_left(server, community):
    left, right = server.workers()
    first, second = members(server, community, 2)
    with open_on(left, first, community) as watcher:
        open_on(right, second, community)
        watcher.wait_for_count(2)
        right.kill()
        with PlainMember(server.port, community, second.token) as again:
            assert again.next_of_type("visitor_count")["count"] == 2
            time.sleep(GONE_S)
            assert [told["count"] for told in watcher.counts] == [1, 2]


def test_right_that_is_lost_on_one_worker_ends_sockets_on_the_other(server, founder, community):
    took_s = []
    for each in (community, founder.found(), founder.found()):
        crowd = members(server, each, 2)
        sockets = [open_on(worker, one, each, kind) for worker in server.workers() for one in crowd for kind in KINDS]
        founder.call("DELETE", f"/api/communities/{each}")
        began = time.monotonic()
        for socket in sockets:
            if isinstance(socket, PlainMember):
                assert socket.wait_for_code() == FORBIDDEN
            else:
                assert socket.next_of_type("kicked")["code"] == FORBIDDEN
        took_s.append(time.monotonic() - began)
        for socket in sockets:
            socket.close()
    assert median(took_s) < SOON_S, took_s


@pytest.mark.parametrize("how", ["frozen", pytest.param("gone", marks=pytest.mark.long)])
def test_right_that_is_lost_while_redis_is_away_ends_sockets_within_two_looks(
    server, founder, community, mortal_redis, how
):
    left, right = server.workers()
    (one,) = members(server, community, 1)
    sockets = [open_on(worker, one, community) for worker in (left, right)]
    mortal_redis.freeze() if how == "frozen" else mortal_redis.kill()
    founder.call("DELETE", f"/api/communities/{community}/members/{one.id}")
    for socket in sockets:
        assert socket.wait_for_code() == FORBIDDEN
    if how == "frozen":
        mortal_redis.thaw()


@pytest.mark.parametrize("how", ["frozen", pytest.param("emptied", marks=pytest.mark.long)])
def test_all_agree_after_redis_was_away(server, community, mortal_redis, how):
    left, right = server.workers()
    crowd = members(server, community, 5)
    with ExitStack() as stack:
        watchers = [stack.enter_context(open_on(each, crowd[0], community)) for each in (left, right)]
        stayer = stack.enter_context(open_on(right, crowd[1], community))
        leaver = open_on(left, crowd[2], community)
        for watcher in watchers:
            watcher.wait_for_count(3)
        mortal_redis.freeze() if how == "frozen" else mortal_redis.kill()
        late = [
            stack.enter_context(open_on(each, one, community))
            for each, one in zip((left, right), crowd[3:], strict=True)
        ]
        leaver.close()
        time.sleep(1.5)
        mortal_redis.thaw() if how == "frozen" else mortal_redis.start()
        for socket in (*watchers, stayer, *late):
            socket.wait_for_count(4, 5)
        time.sleep(2)
        for socket in (*watchers, stayer, *late):
            assert socket.count == 4
            socket.assert_adds_up()


@pytest.mark.long
def test_frozen_database_takes_nobody_away_and_holds_up_no_goodbye(new_server, mortal_postgres, mortal_redis):
    database = mortal_postgres.new_database()
    server = two_workers(new_server(database, REDIS_URL=mortal_redis.url, LEAVE_GRACE_SECONDS=1))
    left, right = server.workers()
    founder = Member(server)
    communities = [founder.found() for _ in range(12)]
    with ExitStack() as stack:
        for community in communities[1:]:  # each is one more to look up every second
            for worker in (left, right):
                stack.enter_context(open_on(worker, founder, community))
        first, second = members(server, communities[0], 2)
        watcher = stack.enter_context(open_on(left, first, communities[0]))
        stayer = stack.enter_context(open_on(right, founder, communities[0]))
        leaver = open_on(right, second, communities[0])
        watcher.wait_for_count(3)
        with mortal_postgres.frozen():
            time.sleep(GONE_S - 3)  # longer than a lease
            assert watcher.count == 3
            leaver.close()
            watcher.wait_for_count(2)
        stayer.wait_for_count(2)
        assert [told["count"] for told in stayer.counts[-2:]] == [3, 2]
        watcher.assert_adds_up()


def test_visit_of_a_community_is_told_on_both_workers(server, founder, community):
    left, right = server.workers()
    (one,) = members(server, community, 1)
    with open_on(left, one, community) as here, open_on(right, one, community, SocketioMember) as there:
        for ordinal in range(1, 4):
            founder.visit("visitor", community)
            for page in (here, there):
                page.wait_for(lambda stats, ordinal=ordinal: stats.total == ordinal, "the visit")
        told = here.next_of_type("visitor_update")
        assert told["community_id"] == community
        assert told["stats"]["totalVisits"] == 1
        for page in (here, there):
            revisions = [
                heard.event.get("revision") or heard.event["stats"]["revision"]
                for heard in page.heard
                if heard.event.get("community_id") == community
            ]
            assert revisions == sorted(set(revisions))
