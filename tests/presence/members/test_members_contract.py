"""Online members, in memory and in Redis: after random arrivals and departures, all workers agree with a set."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, count as numbers

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from member_workers import GRACE_S, HIKERS, MemoryWorld, RedisWorld, counts, redis_world
from support.programs.patience import PATIENCE_S
from support.runs.fuzz_effort import effort

from koyjabo.base.cluster import outbox
from koyjabo.presence.members.online_members import MAX_LISTED_MEMBERS, OnlineMember


@pytest.fixture(params=["memory", "redis_server"])
def world(request):
    if request.param == "memory":
        yield MemoryWorld()
    else:
        with redis_world(request.getfixturevalue("redis_server")) as world:
            yield world


def count(world, scope=HIKERS) -> int:
    """The settled count, which must equal the last published one."""
    world.members.online(scope)
    world.settle()
    online = world.members.online(scope)
    assert not online.is_estimate
    published = [published for where, published in world.news if where == scope]
    assert published[-1:] in ([], [online.count])
    return online.count


def test_a_lost_connection_counts_for_one_grace_period_unless_the_client_says_goodbye(world):
    world.members.connect(HIKERS, "ayesha", "1")
    world.members.connection_lost(HIKERS, "ayesha", "1")
    world.pass_(seconds=3)
    world.members.connection_lost(HIKERS, "ayesha", "1")
    world.pass_(seconds=GRACE_S - 3.001)
    assert count(world) == 1
    world.pass_(seconds=0.001)
    assert count(world) == 0
    world.members.connect(HIKERS, "ayesha", "1")
    world.members.connection_lost(HIKERS, "ayesha", "1")
    world.members.disconnect(HIKERS, "ayesha", "1")
    assert count(world) == 0


def test_the_version_of_a_forgotten_scope_does_not_fall(world):
    world.members.connect(HIKERS, "ayesha", "1")
    world.pass_(seconds=1)
    world.members.disconnect(HIKERS, "ayesha", "1")
    count(world)
    before = world.members.online(HIKERS)
    world.pass_(seconds=40)
    world.time.put_right(hours=-1)
    assert world.members.online(HIKERS).version >= before.version
    world.members.connect(HIKERS, "ayesha", "1")
    assert count(world) == 1
    assert world.members.online(HIKERS).version > before.version


def test_people_are_listed_with_their_arrival_and_their_connections(world):
    begin_ms = world.time.ms
    world.members.connect(HIKERS, "babul", "1")
    world.pass_(seconds=2)
    world.members.connect(HIKERS, "ayesha", "1")
    for tab in "234":
        world.members.connect(HIKERS, "babul", tab)
    world.members.connection_lost(HIKERS, "babul", "2")
    world.members.connection_lost(HIKERS, "ayesha", "1")
    babul = OnlineMember("babul", begin_ms, 3)
    assert world.members.people(HIKERS) == [babul, OnlineMember("ayesha", begin_ms + 2000, 0)]
    world.pass_(seconds=GRACE_S)
    assert world.members.people(HIKERS) == [babul]
    world.members.connect(HIKERS, "ayesha", "1")
    assert world.members.people(HIKERS) == [babul, OnlineMember("ayesha", world.time.ms, 1)]


def test_the_first_thousand_people_or_the_newest_are_listed(world):
    for number in range(MAX_LISTED_MEMBERS):
        world.members.connect(HIKERS, f"person{number:04}", "1")
    world.pass_(seconds=1)
    world.members.connect(HIKERS, "a late one", "1")
    assert count(world) == MAX_LISTED_MEMBERS + 1
    first = [f"person{n:04}" for n in range(MAX_LISTED_MEMBERS)]
    assert [here.person for here in world.members.people(HIKERS)] == first
    assert [here.person for here in world.members.people(HIKERS, 1, newest_first=True)] == ["a late one"]


def test_all_workers_agree_after_a_storm_of_connections(world):
    """Eight threads open and close connections of the same people on three workers, and read in between."""
    workers = [world.new_worker() for _ in range(3)]
    assert counts(*workers) == [0, 0, 0]

    def storm(thread: int) -> list[str]:
        """Open and close connections at random. Returns the person behind each connection left open."""
        choose, mine = random.Random(thread), {}
        for number in range(100):
            hold = HIKERS, f"person{choose.randrange(20)}", f"{thread}-{number % 10}"
            if hold in mine:
                mine.pop(hold).members.disconnect(*hold)
            else:
                mine[hold] = choose.choice(workers)
                mine[hold].members.connect(*hold)
            if not number % 20:
                choose.choice(workers).look()
        return [person for _, person, _ in mine]

    with ThreadPoolExecutor(8) as pool:
        left = Counter(chain.from_iterable(pool.map(storm, range(8))))
    world.settle()
    assert counts(*workers) == [len(left)] * 3
    assert {here.person: here.connections for here in world.members.people(HIKERS)} == left


MAX_WORKERS = 3
people = st.sampled_from(["a:b c\n", "আয়েশা"])
tabs = st.sampled_from(["1", "2"])
lines = st.tuples(people, tabs)
pick = st.integers(0, MAX_WORKERS - 1)

LATEST_S = 10
"""Maximum time, in seconds, until a killed worker's people are gone. Until then they may be counted."""

Line = tuple[str, str]  # a person and the id of their connection


class Model:
    """The people online, as a plain set. Times are ms on a clock that is never set. Workers are numbered."""

    def __init__(self) -> None:
        self.lines: dict[int, dict[Line, float | None]] = {}  # by worker, with the time when a lost connection ends
        self.dying: list[tuple[float, set[str]]] = []  # killed workers' people, and when they are gone at the latest

    def connection_lost(self, worker: int, line: Line, now_ms: float) -> None:
        if line in self.lines[worker] and self.lines[worker][line] is None:
            self.lines[worker][line] = now_ms + GRACE_S * 1000

    def kill(self, worker: int, now_ms: float) -> None:
        people = {person for person, _ in self.lines.pop(worker)}
        self.dying.append((now_ms + LATEST_S * 1000, people))

    def time_is(self, now_ms: float) -> None:
        for lines in self.lines.values():
            for line, ends_ms in list(lines.items()):
                if ends_ms is not None and ends_ms <= now_ms:
                    del lines[line]
        self.dying = [(gone_ms, people) for gone_ms, people in self.dying if gone_ms > now_ms]

    def here(self) -> set[str]:
        """People who must be counted."""
        return {person for lines in self.lines.values() for person, _ in lines}

    def perhaps(self) -> set[str]:
        """People who may be counted, including those who must."""
        return self.here().union(*(people for _, people in self.dying))

    def tabs(self) -> Counter[str]:
        up = (person for lines in self.lines.values() for (person, _), ends_ms in lines.items() if ends_ms is None)
        return Counter(up)


class HoldsMachine(RuleBasedStateMachine):
    def __init__(self, new_world: Callable[[], MemoryWorld | RedisWorld]) -> None:
        super().__init__()
        self.new_world = new_world

    @initialize(workers=st.integers(1, MAX_WORKERS))
    def begin(self, workers: int) -> None:
        self.world = self.new_world()
        self.model = Model()
        self.numbers = numbers()
        self.names: dict[int, int] = {}  # worker numbers by identity
        self.last_counts: dict[int, tuple[int, int]] = {}  # by worker
        for _ in range(workers if self.is_shared else 1):
            self.welcome(self.world.new_worker())
        self.agree()

    @property
    def is_shared(self) -> bool:
        return isinstance(self.world, RedisWorld)

    @property
    def now_ms(self) -> int:
        return self.world.time.elapsed_ms()

    def welcome(self, worker) -> None:
        name = self.names[id(worker)] = next(self.numbers)
        self.model.lines[name] = {}
        worker.members.online(HIKERS)

    def chosen(self, number: int):
        worker = self.world.workers[number % len(self.world.workers)]
        return worker, self.names[id(worker)]

    @rule(number=pick, line=lines)
    def hold(self, number: int, line: Line) -> None:
        worker, name = self.chosen(number)
        worker.members.connect(HIKERS, *line)
        self.model.lines[name][line] = None
        self.note()

    @rule(number=pick, line=lines)
    def release(self, number: int, line: Line) -> None:
        worker, name = self.chosen(number)
        worker.members.disconnect(HIKERS, *line)
        self.model.lines[name].pop(line, None)
        self.note()

    @rule(number=pick, line=lines)
    def lose(self, number: int, line: Line) -> None:
        worker, name = self.chosen(number)
        worker.members.connection_lost(HIKERS, *line)
        self.model.connection_lost(name, line, self.now_ms)

    @rule(number=pick)
    def look(self, number: int) -> None:
        worker, _ = self.chosen(number)
        worker.members.refresh()

    @rule(number=pick, line=lines)
    def settled(self, number: int, line: Line) -> None:
        """Assert that a caller who waits for this connection gets a possible count."""
        worker, _ = self.chosen(number)
        assert worker.members.wait_until_counted(HIKERS, line[0], PATIENCE_S)
        self.counts_are_possible()

    @rule(seconds=st.sampled_from([0.001, 0.999, 4.999, 5, 9.999, 10, 31]))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_(seconds=seconds)
        self.agree()

    @rule(seconds=st.sampled_from([-3600, -1, 1, 3600]))
    def the_clock_is_put_right(self, seconds: int) -> None:
        self.world.time.put_right(seconds=seconds)

    @precondition(lambda self: self.is_shared and len(self.world.workers) > 1)
    @rule(number=pick)
    def a_worker_is_killed(self, number: int) -> None:
        self.agree()
        worker, name = self.chosen(number)
        self.world.kill(worker)
        self.model.kill(name, self.now_ms)
        self.note()

    @precondition(lambda self: self.is_shared and len(self.world.workers) < MAX_WORKERS)
    @rule()
    def a_worker_is_started(self) -> None:
        self.welcome(self.world.new_worker())
        self.agree()

    @rule()
    def agree(self) -> None:
        assert all(worker.members.wait_until_counted(HIKERS, "nobody", 10) for worker in self.world.workers)
        self.world.settle()
        self.model.time_is(self.now_ms)
        here, perhaps = self.model.here(), self.model.perhaps()
        (online,) = {worker.members.online(HIKERS) for worker in self.world.workers}
        assert len(here) <= online.count <= len(perhaps)
        assert all(worker.news[-1][1] == online.count for worker in self.world.workers if worker.news)
        shown = {person.person: person.connections for person in self.world.workers[0].members.people(HIKERS)}
        assert here <= set(shown) <= perhaps
        tabs = self.model.tabs()
        assert self.model.dying or shown == {person: tabs[person] for person in here}
        self.always, self.ever = here, perhaps

    def note(self) -> None:
        self.always &= self.model.here()
        self.ever |= self.model.perhaps()

    @invariant()
    def counts_are_possible(self) -> None:
        """People are never counted twice, nor removed and added again, even briefly."""
        self.model.time_is(self.now_ms)
        for worker in self.world.workers:
            version, counted, is_guess = worker.members.online(HIKERS)
            assert not is_guess
            assert len(self.always) <= counted <= len(self.ever)
            before = self.last_counts.get(self.names[id(worker)], (version, counted))
            assert (version, counted) == before or version > before[0]
            self.last_counts[self.names[id(worker)]] = version, counted

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.agree()
            finally:
                self.world.close()


@pytest.fixture
def quick_outbox(monkeypatch) -> None:
    monkeypatch.setattr(outbox, "PACE_S", 0.0005)


def test_the_members_in_memory_agree_with_a_plain_set_after_random_actions() -> None:
    run_state_machine_as_test(lambda: HoldsMachine(MemoryWorld), settings=settings(effort(150), stateful_step_count=40))


def test_the_members_in_redis_agree_with_a_plain_set_after_random_actions(redis_server, quick_outbox) -> None:
    def new_world() -> RedisWorld:
        with redis_server.client() as client:
            client.flushall()
        return RedisWorld(redis_server)

    run_state_machine_as_test(lambda: HoldsMachine(new_world), settings=settings(effort(30), stateful_step_count=30))
