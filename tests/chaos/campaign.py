"""One campaign: clients connect, faults strike, promises are checked during the run and at its end, and reported."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from statistics import median

from chaos import checks
from chaos.faults import Fault, deal, faults_of, missing_faults
from chaos.ledger import check_attended, check_ledger
from chaos.world import World

WARM_UP_S = 6.0
CALM_EVERY_S = 45.0
CALM_OF_TIME = 1 / 3
"""Longest time between two calm phases that check presence, as a share of the run. CALM_EVERY_S applies if it is
shorter.
"""

PAUSE_OF_TIME = 1 / 200
"""Longest pause between two faults, as a share of the run: 3 s in ten minutes."""

RECOVERS_WITHIN_S = 30.0
TOKENS_LAST_S = 300.0
AT_ONCE = "two at once"


class Campaign:
    """Runs the faults whose names contain the given text, or all."""

    def __init__(self, world: World, seconds: float, seed: int, name_part: str = "") -> None:
        self._world = world
        self._seconds = seconds
        self._seed = seed
        self._chance = random.Random(f"faults {seed}")
        missing = missing_faults(world)
        self._faults = [fault for fault in faults_of(world.kind) if fault not in missing and name_part in fault.kind]
        self._missing = [*missing.values()]
        self._struck: Counter[str] = Counter()
        self._recoveries: list[tuple[str, float, float]] = []
        """Fault, seconds until every client had a visit acknowledged, and until every page showed those visits."""
        self._presence_s: list[float] = []
        self._max_mb = 0.0
        """Highest memory use of any worker, as sampled."""
        self._tokens_at = time.monotonic()

    def run(self) -> None:
        self._world.begin()
        time.sleep(WARM_UP_S)
        self._before = checks.measure(self._world)
        self._strike_for_long()
        self._check_at_the_end()

    def _strike_for_long(self) -> None:
        """Inject faults until the time is up and each has occurred once."""
        began = calm_at = time.monotonic()
        calm_every_s = min(CALM_EVERY_S, self._seconds * CALM_OF_TIME)
        for faults in deal(self._faults, self._chance):
            self._world.journal.attempt("a fault went wrong", lambda faults=faults: self._strike_and_recover(*faults))
            workers = checks.measure(self._world)[1:]
            self._max_mb = max([self._max_mb, *(worker.megabytes for worker in workers)])
            time.sleep(self._chance.uniform(0, self._seconds * PAUSE_OF_TIME))
            if time.monotonic() - calm_at > calm_every_s:
                self._be_calm()
                calm_at = time.monotonic()
            if time.monotonic() - began > self._seconds and len(self._struck) == len(self._faults):
                break
        self._lasted_s = time.monotonic() - began

    def _strike_and_recover(self, first: Fault, second: Fault | None = None) -> None:
        """Run a fault, and perhaps a second one during it. Those that settle end when clients have recovered."""
        kinds = (first.kind, second.kind) if second else (first.kind,)
        with ExitStack() as stack:
            self._begin(stack, first)
            if not first.settles:
                lasts_s = self._chance.uniform(*first.lasts_s)
                time.sleep(lasts_s / 2 if second else lasts_s)
                if second:
                    with ExitStack() as inner:
                        self._begin(inner, second)
                        time.sleep(self._chance.uniform(*second.lasts_s))
                    time.sleep(lasts_s / 2)
                stack.close()
            self._recover(kinds)

    def _begin(self, stack: ExitStack, fault: Fault) -> None:
        self._world.journal.faults.append(fault.kind)
        self._struck[fault.kind] += 1
        stack.enter_context(fault.strike(self._world, self._chance))

    def _recover(self, kinds: tuple[str, ...]) -> None:
        """Wait for recovery. A timeout is a breach."""
        world, began = self._world, time.monotonic()

        def seconds_until(condition: Callable[[], bool], what: str) -> float:
            world.journal.expect(condition, f"{what} after {kinds}", RECOVERS_WITHIN_S, 0.01)
            return time.monotonic() - began

        counted_s = seconds_until(
            lambda: all(visitor.counted_at > began for visitor in world.visitors), "all are counted"
        )
        least = world.journal.newest
        agreed_s = seconds_until(
            lambda: all(page.is_open and page.seen.total >= least for page in world.pages), "pages agree"
        )
        self._recoveries.append((kinds[0] if len(kinds) == 1 else AT_ONCE, counted_s, agreed_s))

    def _be_calm(self) -> None:
        self._presence_s.append(checks.check_presence(self._world))
        if time.monotonic() - self._tokens_at > TOKENS_LAST_S:
            self._tokens_at = time.monotonic()
            for person in self._world.people:
                person.member.log_in()
        self._world.still.clear()

    def _check_at_the_end(self) -> None:
        world, attempt = self._world, self._world.journal.attempt
        world.stop_visitors()
        if (settled_s := attempt("presence", lambda: checks.check_presence(world))) is not None:
            self._presence_s.append(settled_s)
        attempt("agreement", lambda: checks.check_agreement(world))
        attempt("ledger", lambda: check_ledger(world))
        world.leave()
        self._after = attempt("resources", lambda: checks.check_resources(world, self._before)) or self._before
        self._commits = attempt("group commit", lambda: checks.check_group_commit(world))
        if world.sync_delay is not None and self._commits is None:
            self._missing.append(f"group commit, because {checks.CLIENTS} visits did not arrive within 5 s")
        attempt("exit", lambda: checks.check_goodbye(world))
        attempt("attended time", lambda: check_attended(world))
        checks.check_log(world)

    def report(self) -> str:
        """Markdown tables and a verdict."""
        journal, count = self._world.journal, self._struck.total()
        faults = f"Seed {self._seed}, {self._lasted_s:.0f} s of faults, {count} faults."
        verdict = "No invariant was breached."
        if journal.breaches:
            listed = "\n".join(str(breach) for breach in journal.breaches)
            verdict = f"**{journal.counts['breaches']} BREACHES**\n\n{listed}"
        tables = (self._table_of_recoveries(), self._table_of_figures())
        return "\n\n".join([f"## {self._world.kind.name}", faults, *tables, verdict])

    def _table_of_recoveries(self) -> str:
        rows: list[tuple[object, ...]] = []
        for kind in [*sorted(self._struck), AT_ONCE]:
            times_s = [(counted_s, agreed_s) for struck, counted_s, agreed_s in self._recoveries if struck == kind]
            spreads = [_spread([pair[place] for pair in times_s]) for place in (0, 1)]
            if kind in self._struck:
                rows.append((kind, self._struck[kind], *spreads))
            elif times_s:
                rows.append((f"of these, {kind}", len(times_s), *spreads))
        worst = "median, worst, s"
        return _table(("fault", "times", f"until all are counted: {worst}", f"until all pages show it: {worst}"), rows)

    def _table_of_figures(self) -> str:
        counts = dict(self._world.journal.counts)
        before, after = self._before[1:], self._after[1:]
        most_mb = [max(worker.megabytes for worker in workers) for workers in (before, after)] + [self._max_mb]
        exits_s = [left.seconds for left in self._world.supervisor.exits if left.status == 0]
        files = f"{checks.max_files(before)}, {checks.max_files(after)}"
        rows: list[tuple[object, ...]] = [
            ("visits acknowledged", f"{counts.pop('visits acknowledged', 0):,}"),
            ("of these lost", counts.pop("visits lost", 0)),
            *((name, f"{times:,}") for name, times in sorted(counts.items())),
            ("presence right after people kept still: median, worst, s", _spread(self._presence_s)),
            ("from SIGTERM until it has left: median, worst, s", _spread(exits_s)),
            ("MB of workers: after the warm-up, at the end, ever", ", ".join(f"{size:.0f}" for size in most_mb)),
            ("files of workers without clients: after the warm-up, at the end", files),
            ("age of the oldest worker at the end, s", f"{max(usage.age_s for usage in after):.0f}"),
        ]
        if self._commits is not None:
            rows.append((f"commits of {checks.CLIENTS} visits that waited together", self._commits))
        return _table(("", ""), [*rows, *(("NOT TESTED", what) for what in self._missing)])


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _spread(times_s: list[float]) -> str:
    return f"{median(times_s):.2f}, {max(times_s):.2f}" if times_s else "–"
