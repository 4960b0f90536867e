"""One campaign: clients connect, faults strike, promises are checked during the run and at its end, and reported."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
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

PAUSE_OF_TIME = 1 / 200  # longest pause between two faults, as a share of the run: 3 s in ten minutes
RECOVERS_WITHIN_S = 30.0
TOKENS_LAST_S = 300.0
AT_ONCE = "two at once"


class Campaign:
    def __init__(self, world: World, seconds: float, seed: int) -> None:
        self._world = world
        self._seconds = seconds
        self._seed = seed
        self._chance = random.Random(f"faults {seed}")
        missing = missing_faults(world)
        self._faults = [fault for fault in faults_of(world.kind) if fault not in missing]
        self._missing = [*missing.values()]
        self._struck: Counter[str] = Counter()
        self._recovered_s: defaultdict[str, list[float]] = defaultdict(list)
        """Seconds after each fault until every page showed visits that all clients had registered since."""
        self._tokens_at = time.monotonic()

    def run(self) -> None:
        self._world.begin()
        time.sleep(WARM_UP_S)
        before = checks.measure(self._world)
        self._strike_for_long()
        self._check_at_the_end(before)

    def _strike_for_long(self) -> None:
        """Inject faults until the time is up and each has occurred once."""
        began = calm_at = time.monotonic()
        calm_every_s = min(CALM_EVERY_S, self._seconds * CALM_OF_TIME)
        for faults in deal(self._faults, self._chance):
            self._world.journal.attempt("a fault went wrong", lambda faults=faults: self._strike_and_recover(*faults))
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
        world, began = self._world, time.monotonic()

        def expect(condition: Callable[[], bool], what: str) -> None:
            world.journal.expect(condition, f"{what} after {kinds}", RECOVERS_WITHIN_S, 0.01)

        expect(lambda: all(visitor.counted_at > began for visitor in world.visitors), "all are counted")
        least = world.journal.newest
        expect(lambda: all(page.line.is_open and page.seen.total >= least for page in world.pages), "pages agree")
        self._recovered_s[kinds[0] if len(kinds) == 1 else AT_ONCE].append(time.monotonic() - began)

    def _be_calm(self) -> None:
        checks.check_presence(self._world)
        if time.monotonic() - self._tokens_at > TOKENS_LAST_S:
            self._tokens_at = time.monotonic()
            for person in self._world.people:
                person.member.log_in()
        self._world.still.clear()

    def _check_at_the_end(self, before: list[checks.Held]) -> None:
        world, attempt = self._world, self._world.journal.attempt
        world.stop_visitors()
        attempt("presence", lambda: checks.check_presence(world))
        attempt("agreement", lambda: checks.check_agreement(world))
        attempt("ledger", lambda: check_ledger(world))
        world.leave()
        attempt("resources", lambda: checks.check_resources(world, before))
        attempt("exit", lambda: checks.check_last_exit(world))
        attempt("attended time", lambda: check_attended(world))
        checks.check_log(world)

    def report(self) -> str:
        journal = self._world.journal
        recoveries = [
            f"| {kind} | {self._struck[kind] or len(times_s)} | {median(times_s):.2f}, {max(times_s):.2f} |"
            for kind, times_s in sorted(self._recovered_s.items())
        ]
        exits_s = [left.seconds for left in self._world.supervisor.exits if left.status == 0]
        figures = {"visits lost": 0, **journal.counts, "most s from SIGTERM to the end": round(max(exits_s, default=0))}
        counts = [f"| {name} | {number:,} |" for name, number in sorted(figures.items())]
        return "\n".join(
            [
                f"## {self._world.kind.name}\n",
                f"Seed {self._seed}, {self._lasted_s:.0f} s of faults, {self._struck.total()} faults.\n",
                "| fault | times | until all pages show new visits: median, worst, s |\n| --- | --- | --- |",
                *recoveries,
                "\n| | |\n| --- | --- |",
                *counts,
                *(f"| NOT TESTED | {reason} |" for reason in self._missing),
                f"\n**{journal.counts['breaches']} BREACHES**\n" if journal.breaches else "\nNo promise was broken.",
                *map(str, journal.breaches),
            ]
        )
