"""Pacing: the first change at once, then one event an interval, and the last value always."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from support.processes import wait_until

from koyjabo.cluster.bus import NullBus
from koyjabo.realtime.room import LatestValue
from koyjabo.realtime.rooms import Rooms
from koyjabo.runtime import ThreadRuntime

ROOM = "stats"
SHORTEST_INTERVAL_S, REST = 0.05, 4  # (specification: promise 2)


@dataclass(frozen=True)
class Value:
    revision: int
    type: str = "visitor_update"

    def as_object(self):
        return {"revision": self.revision}


@dataclass
class Broadcast:
    began: float
    ended: float
    revision: int


@dataclass
class FakeFanout:
    """Takes as long for a broadcast as it is told, or until it may go on."""

    takes_s: float = 0.0
    members: int = 1
    fails: int = 0
    sent: list[Broadcast] = field(default_factory=list)
    may_send: threading.Event = field(default_factory=threading.Event)
    busy: int = 0
    paused_s: float = 0.0
    stands_back: bool = False
    lock: Any = field(default_factory=threading.RLock)

    def __post_init__(self):
        self.may_send.set()

    def member_count(self, room):
        return self.members

    def emit(self, event, data, room, **_):
        assert self.busy == 0, "two broadcasts into one room at once"
        self.busy += 1
        began = time.monotonic()
        self.sent.append(Broadcast(began, began, data["revision"]))
        self.may_send.wait(10)
        time.sleep(self.takes_s)
        self.paused_s += self.takes_s if self.stands_back else 0
        self.sent[-1].ended = time.monotonic()
        self.busy -= 1
        if self.fails:
            self.fails -= 1
            raise OSError("the fake fails as it was told")

    def admit(self, room, member, event, data, revision):
        member.append(data["revision"])
        return True

    def send_to(self, room, member, event, data, revision):
        member.append(data["revision"])

    @property
    def revisions(self):
        return [each.revision for each in self.sent]


@dataclass
class Told:
    """A bus that notes what it is told."""

    said: list = field(default_factory=list)

    def publish(self, room, state, part=""):
        self.said.append((room, state()))


class World:
    def __init__(self, bus=None, **fanout):
        self.fanout = FakeFanout(**fanout)
        self.revision = 0
        self.bus = bus or NullBus()
        self.rooms = Rooms(self.fanout, ThreadRuntime(), self.bus)
        self.rooms.open(ROOM, LatestValue(lambda: Value(self.revision), self.merge))

    def merge(self, state):
        self.revision = max(self.revision, state["at"])

    def change(self):
        self.revision += 1
        self.rooms.changed(ROOM, lambda: {"at": self.revision})

    def wait_for(self, revision):
        wait_until(lambda: revision in self.fanout.revisions, f"revision {revision} is sent", 5, every_s=0.002)

    def keep_changing(self, for_s, every_s=0.001):
        until = time.monotonic() + for_s
        while time.monotonic() < until:
            self.change()
            time.sleep(every_s)


def assert_paced(sent, at_least_s):
    for earlier, later in pairwise(sent):
        rested_s = later.began - earlier.ended
        assert rested_s >= max(at_least_s, REST * (earlier.ended - earlier.began)) - 0.002


def test_one_change_is_one_event(world):
    world.change()
    world.wait_for(1)
    time.sleep(2 * SHORTEST_INTERVAL_S)
    assert world.fanout.revisions == [1]


def test_first_change_goes_out_at_once_also_after_a_rest(world):
    for revision in (1, 2, 3):
        began = time.monotonic()
        world.change()
        world.wait_for(revision)
        assert world.fanout.sent[-1].began - began < SHORTEST_INTERVAL_S
        time.sleep(2.5 * SHORTEST_INTERVAL_S)


def test_changes_that_keep_coming_are_one_event_an_interval_and_the_last_one_is_sent(world):
    world.keep_changing(for_s=0.6)
    world.wait_for(world.revision)
    assert_paced(world.fanout.sent, SHORTEST_INTERVAL_S)
    assert 3 <= len(world.fanout.sent) <= 0.6 / SHORTEST_INTERVAL_S + 2
    assert world.fanout.revisions[0] == 1


def test_after_a_slow_broadcast_it_rests_four_times_as_long():
    world = World(takes_s=0.03)
    world.keep_changing(for_s=0.6)
    world.wait_for(world.revision)
    assert_paced(world.fanout.sent, SHORTEST_INTERVAL_S)
    assert len(world.fanout.sent) <= 0.6 / (0.03 * (1 + REST)) + 2


def test_time_in_which_others_had_their_turn_does_not_count():
    world = World(takes_s=0.1, stands_back=True)
    world.keep_changing(for_s=1.0)
    assert len(world.fanout.sent) >= 4, "it rested as if it had been busy itself"


def test_change_during_a_broadcast_is_sent_after_it():
    world = World()
    world.fanout.may_send.clear()
    world.change()
    world.wait_for(1)
    for _ in range(5):
        world.change()
    assert world.fanout.revisions == [1]
    world.fanout.may_send.set()
    world.wait_for(6)
    assert world.fanout.revisions == [1, 6], "what was newest when it was sent, and nothing in between"


def test_what_has_been_sent_is_not_sent_again(world):
    world.change()
    world.wait_for(1)
    for _ in range(10):
        world.rooms.refresh(ROOM)
        time.sleep(SHORTEST_INTERVAL_S / 5)
    world.change()
    world.wait_for(2)
    assert world.fanout.revisions == [1, 2]


def test_broadcast_that_fails_does_not_end_the_room():
    world = World(fails=1)
    world.change()
    world.wait_for(1)
    world.change()
    world.wait_for(2)


def test_nothing_is_sent_into_an_empty_room_and_who_comes_hears_the_present():
    world, member = World(members=0), []
    for _ in range(3):
        world.change()
    assert world.rooms.get(ROOM).admit(member)
    assert (world.fanout.sent, member) == ([], [3])
    world.fanout.members = 1
    world.change()
    world.wait_for(4)


def test_tell_gives_the_present_value_to_one_and_back(world):
    member = []
    world.revision = 7
    assert world.rooms.get(ROOM).send_present(member) == {"revision": 7}
    assert (member, world.fanout.sent) == ([7], [])


def test_changes_made_here_are_told_to_other_workers_and_those_that_are_heard_are_not():
    world = World(bus=Told())
    world.change()
    world.rooms.receive(ROOM, {"at": 5})
    world.wait_for(5)
    world.rooms.refresh(ROOM)
    assert world.bus.said == [(ROOM, {"at": 1})]


def test_older_news_from_another_worker_is_not_sent(world):
    for _ in range(3):
        world.change()
    world.wait_for(3)
    world.rooms.receive(ROOM, {"at": 2})
    world.rooms.receive("no such room", {"at": 9})
    world.change()
    world.wait_for(4)
    assert world.fanout.revisions == sorted(set(world.fanout.revisions))


def test_many_threads_at_once_make_one_broadcast_at_a_time():
    world = World()
    threads = [threading.Thread(target=world.keep_changing, args=(0.3,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.change()
    world.wait_for(world.revision)
    assert_paced(world.fanout.sent, SHORTEST_INTERVAL_S)


@pytest.fixture
def world():
    return World()
