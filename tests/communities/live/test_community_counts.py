"""How many are online in a community: one person is one, and everybody is told exactly what changed (promise 4)."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from support.members import KINDS, Member, PlainMember, SocketioMember, members
from support.processes import wait_until
from support.server import Server

pytestmark = pytest.mark.waits

GRACE_S = 3
TICKS_S = 0.4
"""Longer than it takes to tell everybody; what is not told by then is not told."""


@pytest.fixture(scope="module", params=["memory", "redis"])
def server(request, module_servers, tmp_path_factory) -> Server:
    from support.databases import SqliteDatabase

    database = SqliteDatabase.migrated(tmp_path_factory.mktemp("database") / "koyjabo.db")
    shared = {"REDIS_URL": request.getfixturevalue("redis").url} if request.param == "redis" else {}
    return module_servers(database, LEAVE_GRACE_SECONDS=GRACE_S, **shared).start()


def settle() -> None:
    """Let pass what would be told if there were anything to tell."""
    time.sleep(TICKS_S)


@pytest.mark.parametrize("kind", KINDS)
def test_joiner_is_told_the_count_with_themselves_and_not_that_they_joined(server, community, kind):
    first, second = members(server, community, 2)
    with PlainMember(server.port, community, first.token) as watcher:
        watcher.wait_for_count(1)
        with kind(server.port, community, second.token) as joiner:
            assert joiner.wait_for_count(2)["type"] == "visitor_count"
            assert watcher.wait_for_count(2)["type"] == "visitor_joined"
            settle()
            assert len(joiner.counts) == 1
            assert len(watcher.counts) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_clean_goodbye_is_a_leave_at_once(server, community, kind):
    first, second = members(server, community, 2)
    with PlainMember(server.port, community, first.token) as watcher, kind(server.port, community, second.token) as one:
        watcher.wait_for_count(2)
        one.close()
        assert watcher.wait_for_count(1, GRACE_S * 0.8)["type"] == "visitor_left"


def test_leave_of_socketio_is_a_leave_at_once_and_the_connection_stays(server, community):
    first, second = members(server, community, 2)
    with (
        PlainMember(server.port, community, first.token) as watcher,
        SocketioMember(server.port, community, second.token) as one,
    ):
        watcher.wait_for_count(2)
        assert one.ask("leave", one.where) == {"ok": True}
        assert watcher.wait_for_count(1, GRACE_S * 0.8)["type"] == "visitor_left"
        assert one.ask("ping")["ok"] is True
        assert one.ask("leave", one.where) == {"ok": True}


def test_joining_twice_is_no_harm(server, community):
    (one,) = members(server, community, 1)
    with SocketioMember(server.port, community, one.token) as client:
        again = client.ask("join", {**client.where, "token": one.token})
        assert (again["ok"], again["count"]) == (True, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_one_person_with_many_tabs_of_both_kinds_is_one(server, community, kind):
    first, second = members(server, community, 2)
    with PlainMember(server.port, community, first.token) as watcher, ExitStack() as tabs:
        watcher.wait_for_count(1)
        opened = [tabs.enter_context(each(server.port, community, second.token)) for each in (*KINDS, kind)]
        for tab in opened:
            assert tab.next_of_type("visitor_count")["count"] == 2
        for tab in opened[:2]:
            tab.close()
        settle()
        assert [told["count"] for told in watcher.counts] == [1, 2]
        opened[2].close()
        watcher.wait_for_count(1)
        watcher.assert_adds_up()


@pytest.mark.parametrize("kind", KINDS)
def test_lost_line_that_comes_back_in_the_grace_goes_unnoticed(server, community, kind):
    first, second = members(server, community, 2)
    with PlainMember(server.port, community, first.token) as watcher:
        watcher.wait_for_count(1)
        one = kind(server.port, community, second.token)
        watcher.wait_for_count(2)
        one.break_off()
        with kind(server.port, community, second.token) as again:
            assert again.next_of_type("visitor_count")["count"] == 2
            time.sleep(GRACE_S + 1.5)
            assert [told["count"] for told in watcher.counts] == [1, 2]


@pytest.mark.parametrize("how", ["page unload", "lost line"])
def test_who_does_not_come_back_has_left_after_the_grace_and_not_before(server, community, how):
    first, second = members(server, community, 2)
    with PlainMember(server.port, community, first.token) as watcher:
        one = PlainMember(server.port, community, second.token)
        watcher.wait_for_count(2)
        began = time.monotonic()
        one.close(1001) if how == "page unload" else one.break_off()
        assert watcher.wait_for_count(1, GRACE_S + 10)["type"] == "visitor_left"
        assert time.monotonic() - began >= GRACE_S


def test_dashboards_do_not_count(server, founder, community):
    with PlainMember(server.port, community, founder.token, "visitor-dashboard/") as dashboard:
        assert dashboard.next_of_type("dashboard_update")["data"]["realtime_count"] == 0
        (one,) = members(server, community, 1)
        with PlainMember(server.port, community, one.token) as socket:
            assert socket.next_of_type("visitor_count")["count"] == 1


def test_a_count_of_one_community_is_told_in_no_other(server, founder, community):
    other = founder.found()
    first, second = members(server, community, 2)
    second.join(other)
    with PlainMember(server.port, community, first.token) as watcher:
        watcher.wait_for_count(1)
        with PlainMember(server.port, other, second.token) as elsewhere:
            assert elsewhere.next_of_type("visitor_count")["count"] == 1
            settle()
            assert len(watcher.counts) == 1


def test_moderators_see_who_is_here_since_when_and_with_how_many_tabs(server, founder, community):
    (one,) = members(server, community, 1)
    path = f"/api/communities/{community}/visitors"
    with PlainMember(server.port, community, one.token) as tab, SocketioMember(server.port, community, one.token):
        tab.wait_for_count(1)
        wait_until(lambda: founder.call("GET", f"{path}/online")[0]["tabs"] == 2, "both tabs are known")
        (here,) = founder.call("GET", f"{path}/online")
        assert (here["user_id"], here["name"]) == (one.id, one.name)
        assert here["since"].endswith("Z")
        assert one.call("GET", f"{path}/realtime")["current_online"] == 1
        assert one.call("GET", f"/api/communities/{community}")["online"] == 1
        one.call("GET", f"{path}/online", status=403)
    wait_until(lambda: founder.call("GET", f"{path}/online") == [], "nobody is here")


def test_crowd_that_comes_and_goes_at_random_adds_up_at_every_socket(server, community):
    crowd = members(server, community, 12)
    randomly = random.Random(7)
    with ExitStack() as stack:
        stayers = [stack.enter_context(kind(server.port, community, crowd[0].token)) for kind in KINDS]
        plans = [[randomly.choice(KINDS) for _ in range(4)] for _ in crowd[1:]]

        def wander(member: Member, plan: list[type]) -> None:
            for kind in plan:
                with kind(server.port, community, member.token) as socket:
                    assert socket.next_of_type("visitor_count")["count"] >= 2
                    time.sleep(0.02)
                    socket.assert_adds_up()

        with ThreadPoolExecutor(len(plans)) as pool:
            list(pool.map(wander, crowd[1:], plans))
        for stayer in stayers:
            stayer.wait_for_count(1)
            stayer.assert_adds_up()
