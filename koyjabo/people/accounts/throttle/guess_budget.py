"""Decides whether a password attempt is permitted, from the account's stored state (decision 52).

An account has two budgets of guesses. The first one gains a guess every minute, and the second one, for the day, more
slowly. A network without a failed guess today is limited only by the second budget. Networks with failed guesses are
limited by both, and cannot use the reserve of the second one. When one guess is left for them, it is kept for some
seconds for the network with the fewest failures.

Does no I/O: callers load the state, store it, and hold its lock in between.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from koyjabo.base.network.client_address import Level

MARK_KEPT_MS = 86_400_000
"""How long the failures of a network count, ms."""

STATE_KEPT_MS = 3600 * 1000
"""Minimum time a state is kept after the last guess, ms, so that the audit log does not repeat its first entry."""

MAX_NETWORKS = 200
"""Maximum number of failed networks remembered per account; the oldest are forgotten. 60 IPv6 customers use 180."""

GUESS_RESERVED_MS = 10_000
"""How long the last guess is kept for the network with the fewest failures, ms. A client that tries every 5 s does not
miss it.
"""

REFUSAL_NOTED_MS = 10_000
"""Minimum time between two recorded refusals of one network, ms. A network counts as waiting for ten times as long
after a recorded refusal.
"""


class Plan(NamedTuple):
    """Two budgets: `most` guesses plus one every `pace_ms`, and `most_a_day` plus one every `day_pace_ms`. A success
    refills the first. `reserve` guesses of the second are kept for networks without failures.
    """

    most: int
    pace_ms: int
    most_a_day: int
    day_pace_ms: int
    reserve: int = 0


@dataclass(slots=True)
class FailedNetwork:
    """A network with failed guesses: how many, and when it last failed and was last refused, ms."""

    failures: int
    failed_ms: int
    refused_ms: int = 0

    def precedes(self, other: "FailedNetwork | None") -> bool:
        """Whether this network gets the next guess before `other`: it has failed less often, or equally often but more
        recently. An owner who mistypes during an attack comes first.
        """
        return other is None or (self.failures, -self.failed_ms) < (other.failures, -other.failed_ms)


@dataclass(slots=True)
class GuessState:
    """An account's state. `spent_ms` and `day_spent_ms` are the times when the budgets will be full again (GCRA).

    `networks` are those that contain the client's address, smallest first.
    """

    plan: Plan
    failures: int = 0  # since the last success
    spent_ms: int = 0
    day_spent_ms: int = 0
    unlocked_ms: int = 0  # when the operator last cleared all failures, ms; 0 for never
    marks: dict[str, FailedNetwork] = field(default_factory=dict)  # failed networks

    def refusal_ms(self, networks: Sequence[Level], now_ms: int) -> int:
        """How long a client has to wait whose refusal was recorded recently, ms; 0 if `admit` has to decide. With this,
        a flood of refused attempts only reads the state.
        """
        mark = self.marks.get(networks[0].network)
        is_noted = mark is None or mark.refused_ms > now_ms - REFUSAL_NOTED_MS
        return max(0, self._opens_ms(networks, now_ms) - now_ms) if is_noted else 0

    def admit(self, networks: Sequence[Level], now_ms: int) -> tuple[int, int]:
        """Count an attempt, or refuse it. Returns how long a refused client has to wait, ms, or 0, and how much of the
        first budget a permitted attempt uses, ms.
        """
        opens_ms = self._opens_ms(networks, now_ms)
        if opens_ms > now_ms:
            mark = self.marks.get(networks[0].network)
            if mark is not None:
                mark.refused_ms = now_ms
            return opens_ms - now_ms, 0
        before_ms = max(self.spent_ms, now_ms)
        self.failures += 1
        self.spent_ms = min(before_ms + self.plan.pace_ms, now_ms + self.plan.most * self.plan.pace_ms)
        self.day_spent_ms = max(self.day_spent_ms, now_ms) + self.plan.day_pace_ms
        for network, _ in networks:
            mark = self.marks.setdefault(network, FailedNetwork(0, now_ms))
            mark.failures += 1
            mark.failed_ms = now_ms
        while len(self.marks) > MAX_NETWORKS:
            del self.marks[min(self.marks, key=lambda name: self.marks[name].failed_ms)]
        return 0, self.spent_ms - before_ms

    def take_back(self, networks: Sequence[Level], spent_ms: int) -> None:
        """Undo an attempt that did not verify a password. `spent_ms` is from `admit`."""
        self.spent_ms -= spent_ms
        self.day_spent_ms -= self.plan.day_pace_ms
        self._unmark(networks, 1)

    def succeed(self, networks: Sequence[Level]) -> None:
        """Undo an attempt with the right password, clear the failures of its network, then `forgive`."""
        self.day_spent_ms -= self.plan.day_pace_ms
        mark = self.marks.get(networks[0].network)
        self._unmark(networks, mark.failures if mark else 0)
        self.forgive()

    def forgive(self) -> None:
        """Refill the first budget after a success. The second budget and other networks' failures stay, so that the
        owner's logins do not give others more guesses.
        """
        self.failures = self.spent_ms = 0
        for mark in self.marks.values():
            mark.refused_ms = 0

    def expires_ms(self, now_ms: int) -> int:
        return max(self.day_spent_ms, now_ms + STATE_KEPT_MS)

    def dump(self) -> str:
        marks = {name: [mark.failures, mark.failed_ms, mark.refused_ms] for name, mark in self.marks.items()}
        budgets = {"spent": self.spent_ms, "day": self.day_spent_ms, "unlocked": self.unlocked_ms}
        return json.dumps({**budgets, "marks": marks}, separators=(",", ":"))

    def _opens_ms(self, networks: Sequence[Level], now_ms: int) -> int:
        """The time of the client's next permitted guess, ms."""
        if not any(network in self.marks and self.marks[network].failures >= times for network, times in networks):
            return self._day_allows_ms(1)
        opens_ms = self._allows_ms(1)
        if self._allows_ms(2) > now_ms:  # one guess is left, or none
            own, since_ms = self.marks.get(networks[0].network), opens_ms - self.plan.day_pace_ms - GUESS_RESERVED_MS
            waiting = (mark for mark in self.marks.values() if mark.refused_ms > since_ms)
            if any(mark.precedes(own) for mark in waiting):
                return opens_ms + GUESS_RESERVED_MS
        return opens_ms

    def _allows_ms(self, count: int) -> int:
        """The time when both budgets have `count` guesses for networks with failures, ms."""
        first_ms = self.spent_ms - (self.plan.most - count) * self.plan.pace_ms
        return max(first_ms, self._day_allows_ms(count + self.plan.reserve))

    def _day_allows_ms(self, count: int) -> int:
        """The time when the second budget has `count` guesses, ms."""
        return self.day_spent_ms - (self.plan.most_a_day - count) * self.plan.day_pace_ms

    def _unmark(self, networks: Sequence[Level], failures: int) -> None:
        for network, _ in networks:
            mark = self.marks.get(network)
            if mark is not None:
                mark.failures -= failures
                if mark.failures <= 0:
                    del self.marks[network]


def load(failures: int, text: str, plan: Plan, now_ms: int) -> GuessState:
    """Load the stored state, without networks that last failed a day or more ago. After the clock was set back, at most
    the reserve is left of the budgets.
    """
    stored = json.loads(text)
    marks = {
        name: FailedNetwork(*mark) for name, mark in stored.get("marks", {}).items() if mark[1] > now_ms - MARK_KEPT_MS
    }
    spent_ms = min(stored.get("spent", 0), now_ms + plan.most * plan.pace_ms)
    day_spent_ms = stored.get("day", 0)
    if day_spent_ms > now_ms + plan.most_a_day * plan.day_pace_ms:
        day_spent_ms = now_ms + (plan.most_a_day - plan.reserve) * plan.day_pace_ms
    return GuessState(plan, failures, spent_ms, day_spent_ms, stored.get("unlocked", 0), marks)
