"""Random schedules on two workers: a visit's attended time equals the union of the times when a tab was visible.

The model counts in real time. A schedule with `kill -9` may lose time, and one where the clock is set back may lose as
much as it was set back. Neither adds any. A kill also loses the inputs whose spans are not yet written.
"""

import random
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.columns.blocks.block_queries import correct_attended
from koyjabo.counting.evidence.spans import Span, union

STEPS, VISITS = 120, ("1", "2")
LOST_MS = 300_000  # the most that `kill -9` may lose of a running span
PLAIN, STEPPED, KILLED, SET_BACK = "plain", "stepped forward", "killed", "set back"
KILLED_SET_BACK = "killed and set back"
KINDS = [PLAIN, STEPPED, KILLED, SET_BACK, KILLED_SET_BACK]


def length(spans) -> int:
    return sum(ended - began for began, ended in union(spans))


@dataclass
class Tab:
    worker: int
    visit: str
    shown_ms: int | None  # real time; None while it is hidden
    acted: bool = False  # in the running span


class Schedule:
    def __init__(self, new_worker, seed: int, kind: str) -> None:
        self.random, self.kind = random.Random(f"{kind} {seed}"), kind
        self.is_killed, self.is_set_back = kind in {KILLED, KILLED_SET_BACK}, kind in {SET_BACK, KILLED_SET_BACK}
        self.set_back_ms = 0
        self.new_worker = new_worker
        self.workers = [new_worker(), new_worker()]
        self.time = self.workers[0].time
        self.tabs: dict[int, Tab] = {}
        self.spans: defaultdict[str, list[Span]] = defaultdict(list)
        self.unwritten: list[tuple[int, str, Span]] = []  # spans that a kill may lose
        self.kept: defaultdict[str, list[Span]] = defaultdict(list)  # spans that a kill must not lose
        self.registered: dict[str, int] = {}
        self.acted: set[str] = set()
        self.unwritten_inputs: list[tuple[int, str]] = []
        self.kept_inputs: set[str] = set()  # visits whose input a kill must not lose
        self.written_ms = [self.now, self.now]

    @property
    def now(self) -> int:
        return self.time.elapsed_ms()

    def run(self) -> None:
        if self.is_set_back:  # otherwise the time of the commit may be before a span that began earlier
            for visit in VISITS:
                self.register(visit)
        actions = [self.open, self.hide, self.show, self.act, self.close, self.wait, self.wait, self.tick, self.tick]
        actions += [self.fail, self.drop, self.register]
        actions += [self.step] * (self.kind == STEPPED or self.is_set_back)
        actions += [self.set_back] * self.is_set_back + [self.kill] * self.is_killed
        for _ in range(STEPS):
            self.random.choice(actions)()
            for worker in self.workers:  # no more than seconds pass between two ticks
                worker.pages.follow_clock()
        for visit in VISITS:
            self.register(visit)
        for tab in list(self.tabs):
            self.close(tab)
        for number, worker in enumerate(self.workers):
            worker.write()
            self.keep_inputs(number)

    def open(self) -> None:
        socket, visit = len(self.tabs) + self.random.randrange(10**9), self.random.choice(VISITS)
        self.tabs[socket] = tab = Tab(self.random.randrange(2), visit, self.now)
        self.workers[tab.worker].open(socket, visit=visit)

    def hide(self) -> None:
        for socket, tab in self.some_tab():
            self.workers[tab.worker].pages.show(socket, visible=False)
            self.end(tab)

    def show(self) -> None:
        for socket, tab in self.some_tab():
            self.workers[tab.worker].pages.show(socket, visible=True)
            tab.shown_ms = self.now if tab.shown_ms is None else tab.shown_ms

    def act(self) -> None:
        for socket, tab in self.some_tab():
            if tab.shown_ms is not None:
                self.workers[tab.worker].pages.show(socket, visible=True, acted=True)
                tab.acted = True
                self.acted.add(tab.visit)

    def close(self, socket: int | None = None) -> None:
        for closed, tab in [(socket, self.tabs[socket])] if socket is not None else self.some_tab():
            self.workers[tab.worker].close(closed)
            self.end(tab)
            del self.tabs[closed]

    def wait(self) -> None:
        self.time.pass_(seconds=self.random.choice([1, 5, 50, 200]))
        for number, written_ms in enumerate(self.written_ms):  # what one worker writes ten minutes late is lost
            if self.now - written_ms > 50_000:
                self.tick(number)

    def tick(self, chosen: int | None = None) -> None:
        number = self.random.randrange(2) if chosen is None else chosen
        self.written_ms[number] = self.now
        self.workers[number].write()
        for worker, visit, span in self.unwritten:
            if worker == number:
                self.kept[visit].append(span)
        self.unwritten = [entry for entry in self.unwritten if entry[0] != number]
        self.keep_inputs(number)
        for tab in self.tabs.values():
            if tab.worker == number and tab.shown_ms is not None:
                self.kept[tab.visit].append((tab.shown_ms, max(tab.shown_ms, self.now - LOST_MS)))

    def keep_inputs(self, number: int) -> None:
        """Note that this worker has written its inputs, except inputs of later visits, which wait in its memory."""
        written = [(number, visit) for visit in self.registered]
        self.kept_inputs |= {visit for worker, visit in self.unwritten_inputs if (worker, visit) in written}
        self.unwritten_inputs = [entry for entry in self.unwritten_inputs if entry not in written]

    def fail(self) -> None:
        """Make a write fail, either after or before it was committed."""
        database, commits = self.random.choice(self.workers).attendance._database, self.random.random() < 0.5
        write = database.write

        def failing(*arguments):
            if commits:
                write(*arguments)
            raise LedgerUnavailable

        with replaced(database, failing):
            for worker in self.workers:
                worker.write()

    def drop(self) -> None:
        for worker in self.workers:
            worker.attendance.drop(correct_attended)

    def register(self, visit: str | None = None) -> None:
        visit = visit or self.random.choice(VISITS)
        if visit not in self.registered:
            self.registered[visit] = self.now
            self.workers[0].site.register(visitId=visit)

    def step(self) -> None:
        self.time.put_right(seconds=self.random.choice([2, 100, 3600]))

    def set_back(self) -> None:
        back_s = self.random.choice([2, 100, 3600])
        self.time.put_right(seconds=-back_s)
        self.set_back_ms += 1000 * back_s

    def kill(self) -> None:
        number = self.random.randrange(2)
        self.workers[number] = self.new_worker()
        for socket, tab in list(self.tabs.items()):
            if tab.worker == number:
                self.end(tab)
                del self.tabs[socket]
        self.unwritten = [entry for entry in self.unwritten if entry[0] != number]
        self.unwritten_inputs = [entry for entry in self.unwritten_inputs if entry[0] != number]

    def some_tab(self) -> list[tuple[int, Tab]]:
        return [self.random.choice(list(self.tabs.items()))] if self.tabs else []

    def end(self, tab: Tab) -> None:
        if tab.shown_ms is not None:
            self.spans[tab.visit].append((tab.shown_ms, self.now))
            self.unwritten.append((tab.worker, tab.visit, (tab.shown_ms, self.now)))
            self.unwritten_inputs += [(tab.worker, tab.visit)] * tab.acted
            tab.shown_ms, tab.acted = None, False

    def of_visit(self, spans, visit: str) -> int:
        since = self.registered[visit]
        return length((max(began, since), ended) for began, ended in spans[visit] if ended > since)


@contextmanager
def replaced(database, write):
    database.write = write
    try:
        yield
    finally:
        with suppress(AttributeError):
            del database.write


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_the_attended_time_is_the_union_of_the_visible_times_after_random_actions(new_worker, kind, seed):
    schedule = Schedule(new_worker, seed, kind)
    schedule.run()
    for visit in VISITS:
        attended_ms, acted = schedule.workers[0].visit(visit)
        expected_ms = schedule.of_visit(schedule.spans, visit)
        kept_ms = schedule.of_visit(schedule.kept, visit) if schedule.is_killed else expected_ms
        assert kept_ms - schedule.set_back_ms <= attended_ms <= expected_ms, (kind, seed, visit)
        assert (visit in schedule.kept_inputs) <= acted <= (visit in schedule.acted), (kind, seed, visit)
        assert schedule.is_killed or acted == (visit in schedule.acted), (kind, seed, visit)
