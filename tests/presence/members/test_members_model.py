"""Random arrivals and departures: every worker agrees with a plain set."""

from collections import Counter
from collections.abc import Callable
from itertools import count

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
from member_workers import GRACE_S, HIKERS, MemoryWorld, RedisWorld
from support.programs.patience import PATIENCE_S
from support.runs.fuzz_effort import effort

from koyjabo.base.cluster import outbox

MAX_WORKERS = 3
people = st.sampled_from(["a:b c\n", "আয়েশা"])
tabs = st.sampled_from(["1", "2"])
lines = st.tuples(people, tabs)
pick = st.integers(0, MAX_WORKERS - 1)

LATEST_S = 10
"""Maximum time, in seconds, until a killed worker's people are gone. Until then they may be counted."""

Line = tuple[str, str]
"""A person and the id of their connection."""


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
        self.numbers = count()
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
    run_state_machine_as_test(lambda: HoldsMachine(MemoryWorld), settings=settings(effort(300), stateful_step_count=40))


def test_the_members_in_redis_agree_with_a_plain_set_after_random_actions(redis_server, quick_outbox) -> None:
    def new_world() -> RedisWorld:
        with redis_server.client() as client:
            client.flushall()
        return RedisWorld(redis_server)

    run_state_machine_as_test(lambda: HoldsMachine(new_world), settings=settings(effort(60), stateful_step_count=30))
