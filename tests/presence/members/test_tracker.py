"""The tracker that other programs import (specification: Presence from a program)."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from member_workers import MemoryWorld
from sqlalchemy.engine import make_url
from support.application.site import Site, Time
from support.clients.members import Member, PlainMember
from support.databases.database import SqliteDatabase
from support.people.accounts import log_in, sign_up
from support.people.communities import found
from support.programs.processes import ROOT, environment, wait_until
from support.servers.server import Server

from koyjabo.base.core.clock import Clock, iso
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import Scope
from koyjabo.presence import CommunityVisitorTracker, visitor_tracker
from koyjabo.presence.members.peaks import Peaks
from koyjabo.presence.members.tracker import TrackerServices, bind

HIKERS, RIDERS, AYESHA, BABUL, CHANDA = (f"5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a1{number}" for number in range(5))
TODAY = {"authenticated_visitors": 150, "anonymous_visitors": 320, "total_unique_visitors": 470}
BOUND = "koyjabo.presence.members.tracker._bound"


@pytest.fixture
def peaks(sqlite_database):
    time = Time()
    database = DatabaseExecutor(make_url(sqlite_database.url), ThreadRuntime())
    yield Peaks(database, Clock(ZoneInfo("UTC"), time, time.elapsed_ms, release_ms=0), ThreadRuntime(), lambda scope: 0)
    database.close()


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


@pytest.fixture
def tracker(world, peaks, monkeypatch):
    monkeypatch.setattr(BOUND, None)
    bind(services(world, peaks, {HIKERS: TODAY}))
    return CommunityVisitorTracker()


def services(world, peaks, today) -> TrackerServices:
    places = {AYESHA: "Savar, BD", BABUL: "Cox’s Bazar, BD", CHANDA: "Kolkata, IN"}
    return TrackerServices(
        members=world.members,
        peaks=peaks,
        listed=world.members.people,
        today=today.__getitem__,
        start=lambda: None,
        communities=lambda: [Scope(HIKERS), Scope(RIDERS)],
        places=lambda people: {person: places[person] for person in people},
        now_ms=lambda: world.time.ms,
    )


def test_a_person_in_the_tracker_who_has_a_socket_counts_once(tracker, world):
    begin_ms = world.time.ms
    world.members.connect(Scope(HIKERS), AYESHA, "a socket")
    assert tracker.add_visitor(AYESHA, HIKERS) == 1
    world.pass_(seconds=1)
    tracker.add_visitor(BABUL, HIKERS)
    assert tracker.get_visitor_list(HIKERS) == [
        {"user_id": AYESHA, "since": iso(begin_ms), "tabs": 2},
        {"user_id": BABUL, "since": iso(begin_ms + 1000), "tabs": 1},
    ]
    assert tracker.get_visitor_list(RIDERS) == []
    assert tracker.remove_visitor(AYESHA, HIKERS) == 2
    world.members.disconnect(Scope(HIKERS), AYESHA, "a socket")
    assert tracker.remove_visitor(AYESHA, HIKERS) == 1


def test_the_tracker_returns_the_figures_that_citinfos_expects(tracker, world):
    assert set(tracker.get_visitor_stats(HIKERS).values()) == {0}
    assert tracker.get_division_breakdown(HIKERS) == {}
    for person in (AYESHA, BABUL, CHANDA):
        tracker.add_visitor(person, HIKERS)
    tracker.add_visitor(AYESHA, RIDERS)
    assert tracker.get_visitor_stats(HIKERS) == {
        "total_visitors": 3,
        "authenticated_visitors": 3,
        "anonymous_visitors": 0,
        "authenticated_percentage": 100,
        "anonymous_percentage": 0,
    }
    assert (tracker.get_authenticated_visitor_count(HIKERS), tracker.get_anonymous_visitor_count(HIKERS)) == (3, 0)
    assert (tracker.is_user_visiting(AYESHA, RIDERS), tracker.is_user_visiting(BABUL, RIDERS)) == (True, False)
    assert tracker.get_user_visiting_communities(AYESHA.upper()) == {HIKERS, RIDERS}
    assert tracker.get_user_visiting_communities(BABUL) == {HIKERS}
    activity = {"user_id": AYESHA, "is_authenticated": True, "last_activity": iso(world.time.ms)}
    assert tracker.update_visitor_activity(AYESHA, RIDERS) == activity
    assert list(tracker.update_visitor_activity(BABUL, RIDERS, increment_pages=False)) == ["error"]
    assert tracker.get_division_breakdown(HIKERS) == {"Dhaka": 1, "Chattogram": 1}
    none = {"cross_division_visits": 0, "cross_division_percentage": 0, "breakdown": []}
    assert tracker.get_cross_division_stats(HIKERS) == {"total_visitors": 3, **none}
    assert (tracker.cleanup_stale_visitors(HIKERS), tracker.update_community_analytics(HIKERS)) == (0, True)
    assert tracker.get_visitor_count(HIKERS) == 3


def test_the_tracker_counts_each_member_in_the_division_of_the_newest_valid_login(database):
    with Site(database.url) as site:
        ayesha, babul = sign_up(site, "ayesha"), sign_up(site, "babul")
        first, second = found(ayesha)["id"], found(ayesha)["id"]
        for community in (first, second):
            visitor_tracker.add_visitor(ayesha.id, community)
        visitor_tracker.add_visitor(babul.id, second)
        assert visitor_tracker.get_user_visiting_communities(ayesha.id) == {first, second}
        assert visitor_tracker.get_user_visiting_communities(babul.id) == {second}
        site.rows("UPDATE sessions SET place = 'Savar, BD'")
        assert visitor_tracker.get_division_breakdown(second) == {"Dhaka": 2}
        site.time.pass_(seconds=1)
        log_in(site, "babul")
        site.rows("UPDATE sessions SET place = 'Sylhet, BD' WHERE place IS NULL OR place NOT LIKE 'Savar%'")
        assert visitor_tracker.get_division_breakdown(second) == {"Dhaka": 1, "Sylhet": 1}
        site.rows("UPDATE sessions SET revoked_ms = 1 WHERE place LIKE 'Sylhet%'")
        assert visitor_tracker.get_division_breakdown(second) == {"Dhaka": 2}


def test_ids_may_be_written_in_any_usual_way_and_other_values_are_refused(tracker):
    assert tracker.add_visitor(UUID(AYESHA), HIKERS.upper()) == 1
    assert tracker.add_visitor(AYESHA.upper(), UUID(HIKERS)) == 1
    of_two = {"add_visitor", "remove_visitor", "is_user_visiting", "update_visitor_activity"}
    of_one = {name for name in dir(tracker) if not name.startswith("_")} - of_two - {"get_user_visiting_communities"}
    assert len(of_one) == 12
    for wrong in ("", "42", 42, None, "x" * 10_000, AYESHA[:-1], f"{{{AYESHA}}}", f" {AYESHA}"):
        calls = [("user_id", name, (wrong, HIKERS)) for name in of_two]
        calls += [("community_id", name, (AYESHA, wrong)) for name in of_two]
        calls += [("community_id", name, (wrong,)) for name in of_one]
        for field, name, arguments in calls:
            with pytest.raises(ValueError, match=field):
                getattr(tracker, name)(*arguments)


def test_the_tracker_uses_the_newest_application_and_fails_without_one(tracker, peaks, monkeypatch):
    tracker.add_visitor(AYESHA, HIKERS)
    bind(services(MemoryWorld(), peaks, {}))
    assert tracker.get_visitor_count(HIKERS) == 0
    assert visitor_tracker.add_visitor(AYESHA, HIKERS) == 1
    assert tracker.get_visitor_count(HIKERS) == 1
    monkeypatch.setattr(BOUND, None)
    with pytest.raises(RuntimeError, match=r"koyjabo\.create_app\(\)"):
        visitor_tracker.get_visitor_count(HIKERS)


PROGRAM = """
import json, sys, koyjabo
app = koyjabo.create_app()
from koyjabo.presence import visitor_tracker as tracker
from koyjabo.presence.members import tracker as waiting
waiting.PATIENCE_S = 60  # for Redis, on a machine that has much else to do
from koyjabo.realtime import visitor_broadcaster as broadcaster
for line in sys.stdin:
    name, *arguments = json.loads(line)
    print(json.dumps(getattr(broadcaster if "broadcast" in name else tracker, name)(*arguments)), flush=True)
"""


@contextmanager
def tracker_process(server: Server) -> Iterator[Callable[..., Any]]:
    """Start a process that creates the application but serves no requests. Yields a function that calls its tracker."""
    command, pipe = [sys.executable, "-c", PROGRAM], subprocess.PIPE
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(**server.settings), stdin=pipe, stdout=pipe, text=True
    )

    def ask(*call: object) -> Any:
        process.stdin.write(json.dumps(call) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield ask
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def server(module_servers, tmp_path_factory, redis) -> Server:
    database = SqliteDatabase.migrated(tmp_path_factory.mktemp("database") / "koyjabo.db")
    return module_servers(database, REDIS_URL=redis.url).start()


def test_a_program_in_another_process_adds_and_removes_people_for_all_workers(server, founder, community):
    other = Member(server).join(community)
    with tracker_process(server) as ask, PlainMember(server.port, community, founder.token) as watcher:
        watcher.wait_for_count(1)
        wait_until(lambda: ask("get_visitor_count", community) == 1, "it has found Redis")
        assert ask("add_visitor", other.id, community) == 2
        assert watcher.wait_for_count(2)["type"] == "visitor_joined"
        assert ask("get_visitor_count", community) == 2
        assert {member["user_id"] for member in ask("get_visitor_list", community)} == {founder.id, other.id}
        peaks = {"day": 2, "week": 2, "month": 2}
        wait_until(lambda: ask("get_peak_counts", community) == peaks, "the server has counted the peak")
        assert ask("remove_visitor", other.id, community) == 1
        assert watcher.wait_for_count(1)["type"] == "visitor_left"
        assert ask("get_peak_counts", community)["day"] == 2
        assert ask("get_today_visitors", community)["authenticated_visitors"] == 1
        watcher.assert_adds_up()
        ask("broadcast_visitor_count", community, 42, 1)
        assert watcher.wait_for_count(42)["type"] == "visitor_count"
