"""Pacing: the first change is sent at once, then one event per interval, and the last value always."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import socketio
from support.programs.processes import wait_until

from koyjabo.base.cluster.bus import Bus
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.realtime import fanout as fanout_module, room as module
from koyjabo.realtime.fanout import Effort, LocalFanout
from koyjabo.realtime.rooms import Rooms

ROOM = "stats"
SHORTEST_INTERVAL_S, REST = 0.05, 4  # (specification: promise 2)


@dataclass(frozen=True)
class Value:
    revision: int
    type: str = "visitor_update"

    def as_object(self):
        return {"revision": self.revision}


class Source:
    """A source of complete values."""

    interval_s, is_relative, caused_by_visits = SHORTEST_INTERVAL_S, False, False

    def __init__(self, present, merge):
        self.first_event, self.merge = present, merge

    def events_after(self, after):
        event = self.first_event()
        return [event] if event.revision > after else []


class Clock:
    """A clock that advances while a room of this test sleeps, and runs planned actions at their time."""

    def __init__(self):
        self.now_s = 0.0
        self.plans = []
        self.earlier_threads = {*threading.enumerate()} - {threading.current_thread()}

    def at(self, *seconds, do):
        self.plans = sorted([*self.plans, *((second, do) for second in seconds)], key=lambda plan: plan[0])

    def monotonic(self):
        return self.now_s

    def sleep(self, seconds):
        if threading.current_thread() not in self.earlier_threads:
            self.go_to(self.now_s + seconds)

    def go_to(self, until_s):
        while self.plans and self.plans[0][0] <= until_s:
            at_s, do = self.plans.pop(0)
            self.now_s = max(self.now_s, at_s)
            do()
        self.now_s = max(self.now_s, until_s)


@dataclass
class Fanout:
    """Records broadcasts. Each takes `takes_s`."""

    clock: Clock
    takes_s: float = 0.0
    members: int = 1
    fails: int = 0
    paused: Effort = field(default_factory=lambda: Effort(0.0, 0.0))
    sent: list[tuple[float, int]] = field(default_factory=list)
    """(s, revision)"""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def member_count(self, room):
        return self.members

    def emit(self, event, data, room, **_):
        self.sent.append((round(self.clock.now_s, 3), data["revision"]))
        self.clock.sleep(self.takes_s)
        if self.fails:
            self.fails -= 1
            raise OSError("it fails as the test asked")

    def admit(self, room, member, event, data, revision):
        member.append(data["revision"])
        return True

    send_to = admit


class AtOnce(ThreadRuntime):
    def start_task(self, main):
        main()


class RecordingBus(Bus):
    heard = ()

    def __init__(self, published):
        self.published = published
        self.heard = {}

    def publish(self, room, state, part="", is_presence=False):
        self.published.append((room, state()))

    def hear(self, room):
        self.heard[room] = True

    def leave(self, room):
        del self.heard[room]


class World:
    def __init__(self, monkeypatch, runtime=None, **fanout):
        self.clock = Clock()
        self.fanout = Fanout(self.clock, **fanout)
        time = SimpleNamespace(monotonic=self.clock.monotonic, sleep=self.clock.sleep, thread_time=self.clock.monotonic)
        monkeypatch.setattr(module, "time", time)
        monkeypatch.setattr(fanout_module, "time", time)
        self.revision = 0
        self.published = []
        self.bus = RecordingBus(self.published)
        self.rooms = Rooms(self.fanout, runtime or AtOnce(), self.bus)
        self.rooms.open(ROOM, Source(lambda: Value(self.revision), self.merge))

    def merge(self, state):
        self.revision = max(self.revision, state["at"])

    def change(self):
        self.revision += 1
        self.rooms.changed(ROOM, lambda: {"at": self.revision})

    def change_at(self, *seconds):
        """Change the value at these times. Returns (s, revision) of each event until nothing more is due."""
        self.clock.at(*seconds, do=self.change)
        self.clock.go_to(seconds[-1])
        return self.fanout.sent


@pytest.fixture
def new_world(monkeypatch):
    return lambda **fanout: World(monkeypatch, **fanout)


@pytest.fixture
def world(new_world):
    return new_world()


def test_a_first_change_is_broadcast_at_once(world):
    assert world.change_at(0, 0.06, 1) == [(0, 1), (0.06, 2), (1, 3)]


def test_continuous_changes_send_one_event_in_each_interval_and_the_last_value(world):
    sent = world.change_at(*(number / 100 for number in range(17)))
    assert sent == [(0, 1), (0.05, 6), (0.1, 11), (0.15, 16), (0.2, 17)]


def test_a_slow_broadcast_is_followed_by_a_pause_four_times_as_long(new_world):
    world = new_world(takes_s=0.03)
    assert world.change_at(0, 0.02, 0.04) == [(0, 1), (0.03 * (1 + REST), 3)]


def test_a_broadcast_that_fails_does_not_end_its_room(new_world):
    world = new_world(fails=1)
    assert world.change_at(0, 0.01, 1) == [(0, 1), (0.05, 2), (1, 3)]


def test_an_empty_room_sends_no_event_and_new_members_get_the_current_value(new_world):
    world, member = new_world(members=0), []
    world.change_at(0, 1, 2)
    assert world.rooms.get(ROOM).admit(member)
    assert (world.fanout.sent, member) == ([], [3])
    world.fanout.members = 1
    assert world.change_at(3) == [(3, 4)]


def test_a_worker_publishes_its_own_changes_but_not_those_it_received(world):
    world.change()
    world.rooms.receive(ROOM, {"at": 5})
    world.rooms.refresh(ROOM)
    assert [revision for _, revision in world.fanout.sent] == [1, 5]
    assert world.published == [(ROOM, {"at": 1})]


def test_many_threads_make_one_broadcast_at_a_time():
    class Alone(Fanout):
        def emit(self, *event, **options):
            assert is_free.acquire(blocking=False), "two broadcasts into one room at once"
            super().emit(*event, **options)
            is_free.release()

    is_free, newest = threading.Lock(), [0]
    fanout = Alone(Clock())
    rooms = Rooms(fanout, ThreadRuntime(), Bus())
    rooms.open(ROOM, Source(lambda: Value(newest[0]), lambda state: None))
    for newest[0] in range(1, 11):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: rooms.refresh(ROOM), range(80)))
    wait_until(lambda: fanout.sent[-1][1] == newest[0], "the last value is sent")
    revisions = [revision for _, revision in fanout.sent]
    assert revisions == sorted(set(revisions))


ROOM, UPDATE = "stats", "visitor_update"


class RecordingSocket:
    """A plain WebSocket that records the events written to it."""

    def __init__(self):
        self.received = []

    def write_event(self, event):
        header_size = 2 if event.plain[1] < 126 else 4
        self.received.append(json.loads(event.plain[header_size:]))


def update(revision, **more):
    return {"type": UPDATE, "stats": {"totalVisits": 1, "revision": revision, **more}}


def test_a_client_receives_every_event_once_and_no_older_event():
    fanout, client = LocalFanout(), RecordingSocket()
    fanout.set_up(lambda *sent: None, lambda event: None, lambda: "0")
    fanout.set_server(socketio.Server(client_manager=fanout, async_mode="threading"))
    fanout.admit(ROOM, client, UPDATE, update(1))
    for event in (update(2, place="ঢাকা"), update(2), None, ("two", "values"), update(1), update(3)):
        fanout.emit(UPDATE, event, room=ROOM)
    assert client.received == [update(1), update(2, place="ঢাকা"), update(3)]
