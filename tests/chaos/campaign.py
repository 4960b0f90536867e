"""One campaign: clients connect, faults strike, and promises are checked during the run and at its end."""

from __future__ import annotations

import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from chaos.attended import check_attended
from chaos.checks import Held, check_presence, check_resources, measure
from chaos.faults import Fault, all_of, check_exit, deal
from chaos.group_commit import CLIENTS, check_group_commit, measure_sync_delay
from chaos.http_connection import HttpConnection
from chaos.ledger import check_events, check_ledger
from chaos.world import World

WARM_UP_S = 6.0
CALM_EVERY_S = 45.0
CALM_OF_TIME = 1 / 3
"""Longest time between two calm phases that check presence, as a share of the run. CALM_EVERY_S applies if it is
shorter.
"""

PAUSE_OF_TIME = 1 / 200
"""Longest pause between two faults, as a share of the run: 3 s in ten minutes."""

AGREE_WITHIN_S = 15.0
RECOVERS_WITHIN_S = 30.0
TOKENS_LAST_S = 300.0
ERROR_OF_TRACEBACK = re.compile(r"^( *)Traceback.*\n(?:\1\s.*\n)*\1(\S.*)", re.MULTILINE)
"""Matches a traceback up to its last line: the next line that is not indented further."""


@dataclass(frozen=True)
class Recovery:
    """Times from the end of a fault until everything worked again."""

    kinds: tuple[str, ...]
    acknowledged_s: float
    """Time until every client had a visit acknowledged."""
    agreed_s: float
    """Time until every page was open and showed those visits."""


@dataclass
class Outcome:
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    recoveries: list[Recovery] = field(default_factory=list)
    presence_s: list[float] = field(default_factory=list)
    before: list[Held] = field(default_factory=list)
    after: list[Held] = field(default_factory=list)
    exits_s: list[float] = field(default_factory=list)
    """How long the server took to exit after each SIGTERM."""
    most_mb: float = 0.0
    """Highest memory use of any worker, as sampled."""
    commits: int | None = None
    """Commits that stored the visits of the group commit check."""
    sync_delay: tuple[float, float] | None = None
    missing: list[str] = field(default_factory=list)


class Campaign:
    """Runs the faults whose names contain the given text, or all."""

    def __init__(self, world: World, seconds: float, seed: int, name_part: str = "") -> None:
        self._world = world
        self._seconds = seconds
        self._chance = random.Random(f"faults {seed}")
        kinds, missing = all_of(world)
        self._kinds = [fault for fault in kinds if name_part in fault.kind]
        self._outcome = Outcome(missing=missing)
        self._tokens_at = time.monotonic()

    def run(self) -> Outcome:
        self._world.begin()
        time.sleep(WARM_UP_S)
        self._outcome.before = measure(self._world)
        self._strike_for_long()
        self._look_at_the_end()
        return self._outcome

    def _strike_for_long(self) -> None:
        """Inject faults until the time is up and each kind of fault has occurred once."""
        began = calm_at = time.monotonic()
        calm_every_s = min(CALM_EVERY_S, self._seconds * CALM_OF_TIME)
        for faults in deal(self._kinds, self._chance):
            try:
                self._strike_and_recover(faults)
            except Exception as error:  # a fault could not be injected or reverted in time
                self._world.journal.breach(f"a fault went wrong: {type(error).__name__}: {error}")
            self._note_memory()
            time.sleep(self._chance.uniform(0, self._seconds * PAUSE_OF_TIME))
            if time.monotonic() - calm_at > calm_every_s:
                self._be_calm()
                calm_at = time.monotonic()
            if time.monotonic() - began > self._seconds and len(self._outcome.faults) == len(self._kinds):
                break
        self._outcome.seconds = time.monotonic() - began

    def _strike_and_recover(self, faults: tuple[Fault, ...]) -> None:
        with ExitStack() as stack:
            if faults[0].settles:  # it ended when the signal was sent
                self._begin(stack, *faults)
            else:
                self._strike(faults)
            self._outcome.recoveries.append(recover(self._world, tuple(fault.kind for fault in faults)))

    def _strike(self, faults: tuple[Fault, ...]) -> None:
        """Run one fault, or two where the second strikes during the first."""
        first, *others = faults
        lasts_s = self._chance.uniform(*first.lasts_s)
        with ExitStack() as stack:
            self._begin(stack, first)
            time.sleep(lasts_s / 2 if others else lasts_s)
            for other in others:
                with ExitStack() as inner:
                    self._begin(inner, other)
                    time.sleep(self._chance.uniform(*other.lasts_s))
            if others:
                time.sleep(lasts_s / 2)

    def _begin(self, stack: ExitStack, fault: Fault) -> None:
        self._world.journal.faults.append(fault.kind)
        self._outcome.faults[fault.kind] += 1
        stack.enter_context(fault.strike(self._world, self._chance))

    def _be_calm(self) -> None:
        self._outcome.presence_s.append(check_presence(self._world))
        if time.monotonic() - self._tokens_at > TOKENS_LAST_S:
            self._tokens_at = time.monotonic()
            for person in self._world.people:
                person.member.log_in()
        self._world.still.clear()

    def _note_memory(self) -> None:
        workers = measure(self._world)[1:]
        self._outcome.most_mb = max([self._outcome.most_mb, *(worker.megabytes for worker in workers)])

    def _look_at_the_end(self) -> None:
        world = self._world
        world.stop_visitors()
        self._outcome.presence_s.append(check_presence(world))
        check_agreement(world)
        check_ledger(world)
        check_events(world)
        world.leave()
        self._outcome.after = check_resources(world, self._outcome.before)
        self._outcome.commits = check_group_commit(world)
        if world.sync_delay is not None and self._outcome.commits is None:
            self._outcome.missing.append(f"group commit, because {CLIENTS} visits did not arrive within 5 s")
        self._outcome.sync_delay = measure_sync_delay(world)
        check_goodbye(world)
        check_attended(world)
        self._outcome.exits_s = [left.seconds for left in world.supervisor.exits if left.status == 0]
        check_log(world)


def recover(world: World, kinds: tuple[str, ...]) -> Recovery:
    """Wait for recovery. A timeout is a breach."""
    began = time.monotonic()

    def seconds_until(condition: Callable[[], bool], what: str) -> float:
        world.journal.expect(condition, f"{what} after {kinds}", RECOVERS_WITHIN_S, 0.01)
        return time.monotonic() - began

    counted_s = seconds_until(lambda: all(visitor.counted_at > began for visitor in world.visitors), "all are counted")
    least = world.journal.newest
    agreed_s = seconds_until(
        lambda: all(page.is_open and page.seen.total >= least for page in world.pages), "pages agree"
    )
    return Recovery(kinds, counted_s, agreed_s)


def check_agreement(world: World) -> None:
    """Check that all clients show the same number, and that it is the ledger's."""
    (total,) = world.database.rows("SELECT total FROM counters WHERE scope = 'site'")[0]

    def shown() -> set[int]:
        pages = {page.seen.stats["totalVisitors"] if page.is_open else -1 for page in world.pages}
        return pages | {_asked(world) for _ in range(6)}

    world.journal.expect(lambda: shown() == {total}, f"all show {total}, as the ledger", AGREE_WITHIN_S, 0.1)


def _asked(world: World) -> int:
    line = HttpConnection(world.server.port, world.journal)
    answer = line.ask("GET", "/api/stats")
    line.close()
    return answer.body["totalVisitors"] if answer and answer.status == 200 else -1


def check_goodbye(world: World) -> None:
    world.supervisor.stop()
    world.supervisor.exits.append(world.server.stop(signal.SIGTERM))
    check_exit(world, world.supervisor.exits[-1])


def check_log(world: World) -> None:
    """Record a breach for tracebacks. Expected failures log one line, so a traceback is an unforeseen error."""
    log = world.supervisor.log()
    if tracebacks := log.count("Traceback"):
        at = log.index("Traceback")
        errors = Counter(found_error[2] for found_error in ERROR_OF_TRACEBACK.finditer(log))
        summary = "; ".join(f"{times} of {error}" for error, times in errors.most_common())
        world.journal.breach(f"{tracebacks} tracebacks in the log, {summary}: …{log[max(0, at - 300) : at + 3000]}")
