"""Decides whether the system's clock is right, wrong, in doubt or ahead (decision 130)."""

import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import NamedTuple

from koyjabo.base.cluster.workers import Worker, machine_id
from koyjabo.base.core.clock import DAY_MS, MINUTE_MS, Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.database.executor import DatabaseExecutor
from . import clock_queries
from .clock_queries import AHEAD_STATE, ANSWER_STATE, DOUBT_STATE, REFILING_STATE, ClockFacts, StoredState
from .records import CounterSnapshot

log = logging.getLogger(__name__)

RIGHT_CLOCK, DOUBTED_CLOCK, WRONG_CLOCK = CLOCK_VERDICTS = ("right", "doubt", "wrong")
CLOCK_ANSWER, VISITS_ANSWER = "clock", "visits"
"""Answers to a doubt: whether the clock or the visits are right."""

BY_KERNEL, BY_TIME = "kernel", "time"
"""How a doubt was answered without an admin."""

DOUBT_WAIT_MS, LEAD_WAIT_MS = 10 * MINUTE_MS, DAY_MS
"""How long a doubt lasts, and how long no row is removed after the clock jumped ahead, ms."""

STATE_STORE_MS = 5_000
"""Interval for storing how long a state has lasted, ms."""

ANSWER_KEPT_MS = {CLOCK_ANSWER: DAY_MS, VISITS_ANSWER: 30 * DAY_MS}
"""How far the clock may move from the time of an answer before the answer expires, ms."""

READ_INTERVAL_MS = 1_500
"""Minimum time between two reads of the database, ms. Ticks are 1 s apart, so one in two reads; while the clock is
unclear, each one.
"""

SET_CLOCK = "Set the machine's clock from the network (NTP)"


class ClockReading(NamedTuple):
    """The state of the clock, as of the last `tick`."""

    verdict: str  # one of CLOCK_VERDICTS
    system_ms: int
    newest_ms: int  # the time that the newest visit is filed at; 0 without visits
    differing: tuple[tuple[str, int], ...] = ()  # other machines whose clock differs by more than a day, and their time
    is_later: bool = False  # whether visits or events are filed more than a day later than the clock


class Wait:
    """How long a state has lasted, across restarts."""

    def __init__(self, name: str, state: StoredState, elapsed_ms: int) -> None:
        self.name = name
        self.state = state
        self._since_ms = elapsed_ms - state.waited_ms
        self._stored_ms: int | None = None  # elapsed

    def go_on(self, elapsed_ms: int, known_ms: int) -> bool:
        """Update the state. Returns whether it should be stored."""
        self.state = self.state._replace(waited_ms=elapsed_ms - self._since_ms, known_ms=known_ms)
        is_due = self._stored_ms is None or elapsed_ms - self._stored_ms >= STATE_STORE_MS
        if is_due:
            self._stored_ms = elapsed_ms
        return is_due


class ClockWatch:
    """Decides which time the clock shows, and whether rows may be removed because of their age. Call `tick` at the
    start and every second. `counter` returns the site's numbers, and `workers` the reports of all live workers.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        counter: Callable[[], CounterSnapshot],
        workers: Callable[[], Sequence[Worker]],
    ) -> None:
        self._database = database
        self._clock = clock
        self._counter = counter
        self._workers = workers
        self._facts: ClockFacts | None = None  # None before the first read
        self._read_ms = 0  # elapsed
        self._line_ms: int | None = None  # how far the system's clock was ahead of the monotonic one
        self._doubt: Wait | None = None
        self._ahead: Wait | None = None
        self.reading = ClockReading(RIGHT_CLOCK, 0, 0)
        self.due_answer = ""
        """What answers the current doubt: BY_KERNEL, BY_TIME, or "" for nothing."""
        clock.allows_removal = False

    @property
    def answer(self) -> StoredState:
        """The latest answer that is still valid; empty if there is none."""
        answer = self._facts.state(ANSWER_STATE) if self._facts else StoredState()
        off_ms = abs(self._clock.system_ms() - answer.at_ms)
        return answer if answer.answer and off_ms < ANSWER_KEPT_MS[answer.answer] else StoredState()

    @property
    def is_refiling(self) -> bool:
        """Whether visits are being filed again, or the work was interrupted."""
        return bool(self._facts and self._facts.state(REFILING_STATE).visit)

    @property
    def doubt(self) -> StoredState:
        return self._doubt.state if self._doubt else StoredState()

    def tick(self, reads: bool = False) -> None:
        """Update the reading. With `reads`, read the database first. Never raises."""
        elapsed_ms = self._clock.elapsed_ms()
        is_unclear = self._doubt or self._ahead or self._facts is None
        if reads or is_unclear or elapsed_ms - self._read_ms >= READ_INTERVAL_MS:
            with suppress(LedgerUnavailable):  # the next tick tries again
                self._facts, self._read_ms = self._database.read(clock_queries.read_clock), elapsed_ms
        if self._facts is not None:
            self._judge(self._facts)

    def _judge(self, facts: ClockFacts) -> None:
        counter, system_ms = self._counter(), self._clock.system_ms()
        # An earlier visit may be filed in a later hour.
        newest_ms = max(counter.last_ms or 0, facts.hour_ms)
        self._watch_lead(facts, system_ms, newest_ms)
        verdict = self._verdict(system_ms, newest_ms)
        if verdict == RIGHT_CLOCK:
            is_answered = newest_ms - system_ms > DAY_MS
            self._clock.follow(0 if is_answered else newest_ms - DAY_MS)
            self._end_doubt()
        else:
            self._hold(facts, counter, system_ms, newest_ms)
        differing = tuple(
            (worker.host, worker.clock_ms) for worker in self._others() if abs(worker.clock_ms - system_ms) > DAY_MS
        )
        self._log(verdict, newest_ms - system_ms)
        is_later = max(newest_ms, facts.event_ms) - system_ms > DAY_MS
        self.reading = ClockReading(verdict, system_ms, newest_ms, differing, is_later)
        self.due_answer = self._due_answer() if verdict == DOUBTED_CLOCK else ""
        self._clock.allows_removal = verdict == RIGHT_CLOCK and self._ahead is None and not differing

    def _verdict(self, system_ms: int, newest_ms: int) -> str:
        if system_ms < self._clock.release_ms:
            return WRONG_CLOCK
        if newest_ms - system_ms <= DAY_MS:
            return RIGHT_CLOCK
        return {CLOCK_ANSWER: RIGHT_CLOCK, VISITS_ANSWER: WRONG_CLOCK}.get(self.answer.answer, DOUBTED_CLOCK)

    def _hold(self, facts: ClockFacts, counter: CounterSnapshot, system_ms: int, newest_ms: int) -> None:
        """Continue the time from the newest visit, and measure how long this lasts."""
        elapsed_ms = self._clock.elapsed_ms()
        if self._doubt is None:
            state = facts.state(DOUBT_STATE)
            if not state.at_ms or abs(system_ms - state.at_ms - state.waited_ms) > DAY_MS:  # another doubt
                state = StoredState(system_ms, newest_ms, visit=counter.visits)
            self._doubt = Wait(DOUBT_STATE, state, elapsed_ms)
        self._clock.go_on(newest_ms - DAY_MS, max(newest_ms, self._doubt.state.known_ms))
        if self._doubt.go_on(elapsed_ms, self._clock.now_ms()):
            self._store(self._doubt)

    def _end_doubt(self) -> None:
        if self._doubt:
            self._doubt = None
            with suppress(LedgerUnavailable):
                self._database.write(clock_queries.remove_state, DOUBT_STATE)

    def _due_answer(self) -> str:
        if self._clock.is_synchronised():
            return BY_KERNEL
        return BY_TIME if self.doubt.waited_ms >= DOUBT_WAIT_MS and self._has_majority() else ""

    def _has_majority(self) -> bool:
        """Whether more machines agree with this machine's clock than with the time of the visits."""
        reading = self.reading
        others = self._others()
        agreeing = sum(abs(worker.clock_ms - reading.system_ms) <= DAY_MS for worker in others)
        return 1 + agreeing > sum(reading.newest_ms - worker.clock_ms <= DAY_MS for worker in others)

    def _others(self) -> Collection[Worker]:
        """The reports of the other machines, one worker each."""
        own = machine_id()
        others = (worker for worker in self._workers() if worker.clock_ms and worker.machine != own)
        return {worker.machine: worker for worker in others}.values()

    def _watch_lead(self, facts: ClockFacts, system_ms: int, newest_ms: int) -> None:
        """Notice a clock that is more than a day ahead of the latest known time."""
        elapsed_ms, earlier_ms = self._clock.elapsed_ms(), self._line_ms
        self._line_ms = system_ms - elapsed_ms
        if earlier_ms is None:
            self._begin_lead(facts.state(AHEAD_STATE), max(newest_ms, facts.night_ms), system_ms)
        elif self._ahead is None and self._line_ms - earlier_ms > DAY_MS:
            self._ahead = Wait(AHEAD_STATE, StoredState(system_ms, earlier_ms + elapsed_ms), elapsed_ms)
        if self._ahead and self._ahead.go_on(elapsed_ms, self._ahead.state.known_ms):
            self._store(self._ahead)
        if self._ahead and self._is_over(self._ahead.state, system_ms):
            self._end_lead(system_ms)

    def _begin_lead(self, stored: StoredState, known_ms: int, system_ms: int) -> None:
        """Continue the state from before a restart, or else compare the clock with the latest known time."""
        state = StoredState(system_ms, max(known_ms, stored.known_ms if stored.known_ms <= system_ms else 0))
        if stored.at_ms and _leads(stored, system_ms):
            state = stored
        elif stored.at_ms:
            self._end_lead(system_ms)
            state = StoredState(system_ms, known_ms)
        if state.known_ms and _leads(state, system_ms):
            self._ahead = Wait(AHEAD_STATE, state, self._clock.elapsed_ms())

    def _end_lead(self, system_ms: int) -> None:
        self._ahead = None
        self._store(Wait(AHEAD_STATE, StoredState(known_ms=system_ms), self._clock.elapsed_ms()))

    def _is_over(self, ahead: StoredState, system_ms: int) -> bool:
        return not _leads(ahead, system_ms) or ahead.waited_ms >= LEAD_WAIT_MS or self._clock.is_synchronised()

    def _store(self, wait: Wait) -> None:
        with suppress(LedgerUnavailable):
            self._database.write(clock_queries.store_state, wait.name, wait.state)

    def _log(self, verdict: str, later_ms: int) -> None:
        if verdict == self.reading.verdict:
            return
        if verdict == RIGHT_CLOCK:
            log.warning("clock_mended")
        elif verdict == WRONG_CLOCK:
            log.warning("clock_wrong behind_s=%d advice=%r", later_ms // 1000, SET_CLOCK)
        else:
            log.warning("clock_doubted behind_s=%d advice=%r", later_ms // 1000, SET_CLOCK)


def _leads(state: StoredState, system_ms: int) -> bool:
    return system_ms - state.known_ms - state.waited_ms > DAY_MS
