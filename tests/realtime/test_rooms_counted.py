"""Rooms in which an event says how much changed since the one before: everybody adds up, whenever they came."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import socketio
from support.processes import wait_until

from koyjabo.cluster.bus import NullBus
from koyjabo.realtime.fanout import MemoryFanout
from koyjabo.realtime.rooms import Rooms
from koyjabo.realtime.strict_packets import Packet
from koyjabo.runtime import ThreadRuntime

ROOM = "visitors"
SHORTEST_INTERVAL_S = 0.05  # (specification: promise 2)


@dataclass(frozen=True)
class Counted:
    revision: int
    count: int = 0
    change: int = 0
    type: str = "visitor_count"

    def as_object(self):
        return {"revision": self.revision, "count": self.count, "change": self.change}


class Counter:
    interval_s = SHORTEST_INTERVAL_S
    is_relative = True

    def __init__(self, count=0):
        self.count = self.told = count
        self.revision = 0

    def first_event(self):
        return Counted(self.revision, count=self.told)

    def events_after(self, after):
        change, self.told = self.count - self.told, self.count
        self.revision = max(self.revision, after) + bool(change)
        return [Counted(self.revision, count=self.told, change=change)] if change else []

    def merge(self, state):
        raise NotImplementedError


class CountedWorld:
    """A room with real members, in a real fan-out."""

    def __init__(self):
        server = socketio.Server(
            client_manager=MemoryFanout(lambda *sent: None, lambda event: None, lambda: "0"),
            async_mode="threading",
            serializer=Packet,
        )
        self.fanout = server.manager
        self.rooms = Rooms(self.fanout, ThreadRuntime(), NullBus())
        self.source = Counter()

    def join(self):
        member = Listening()
        self.source.count += 1
        self.rooms.refresh(ROOM)
        member.value = self.rooms.admit(ROOM, lambda: self.source, member)
        return member

    def leave(self, member):
        self.rooms.get(ROOM).dismiss(member)
        self.source.count -= 1
        self.rooms.refresh(ROOM)
        self.rooms.close_if_empty(ROOM)


class Listening:
    is_stream = False

    def __init__(self):
        self.heard = []

    def write(self, data):
        self.heard.append(json.loads(data[data.index(b"{") :]))

    def adds_up(self):
        shown = self.heard[0]["count"]
        for told in self.heard[1:]:
            shown += told["change"]
            if shown != told["count"]:
                return False
        return True


def test_newcomer_is_greeted_with_what_the_others_were_just_told():
    world = CountedWorld()
    first = world.join()
    second = world.join()
    assert first.heard == [{"revision": 1, "count": 1, "change": 0}, {"revision": 2, "count": 2, "change": 1}]
    assert second.heard == [{"revision": 2, "count": 2, "change": 0}] == [second.value]


def test_room_that_was_closed_says_nothing_in_the_one_that_was_opened_after_it():
    world = CountedWorld()
    first = world.join()
    world.join()  # the room rests now
    world.source.count += 1
    world.rooms.refresh(ROOM)
    for member in list(world.fanout._sinks.plain(ROOM)):
        world.rooms.get(ROOM).dismiss(member)
    world.rooms.close_if_empty(ROOM)
    world.source = Counter(world.source.count)
    late = Listening()
    world.rooms.admit(ROOM, lambda: world.source, late)
    time.sleep(2 * SHORTEST_INTERVAL_S)  # the closed one would have its turn now
    world.source.count += 1
    world.rooms.refresh(ROOM)
    wait_until(lambda: len(late.heard) > 1, "the next change")
    assert late.heard == [{"revision": 0, "count": 3, "change": 0}, {"revision": 1, "count": 4, "change": 1}]
    assert first.adds_up()


def test_everybody_adds_up_however_many_come_and_ask_and_go_at_once():
    world = CountedWorld()
    stayer = world.join()

    def wander(_):
        for _ in range(5):
            member = world.join()
            assert world.rooms.get(ROOM).send_present(member) is not None
            assert member.adds_up()
            world.leave(member)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(wander, range(10)))
    wait_until(lambda: stayer.heard[-1]["count"] == 1, "all have gone")
    assert stayer.adds_up()


def test_one_who_goes_while_waiting_for_their_turn_is_not_let_in():
    world = CountedWorld()
    world.join()
    late = Listening()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(world.rooms.admit, ROOM, lambda: world.source, late)
        world.rooms.get(ROOM).dismiss(late)
        coming.result(5)
    world.rooms.get(ROOM).dismiss(late)
    assert late not in world.fanout._sinks.plain(ROOM)


def test_asking_during_a_broadcast_to_many_takes_nothing_away_from_anybody():
    world = CountedWorld()
    with ThreadPoolExecutor(50) as pool:
        members = list(pool.map(lambda _: world.join(), range(150)))  # more than are written to in a row
        for _ in range(2):
            world.source.count += 1
            world.rooms.refresh(ROOM)
            list(pool.map(lambda member: world.rooms.get(ROOM).send_present(member), members))
    wait_until(lambda: all(member.heard[-1]["count"] == 152 for member in members), "everybody knows")
    for member in members:
        changes = [told for told in member.heard[1:] if told["change"]]
        assert member.heard[0]["count"] + sum(told["change"] for told in changes) == 152
