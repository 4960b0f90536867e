"""Decides whether a password attempt is permitted, from the account's stored state (decision 52).

Does no I/O: callers load the state, store it, and hold its lock in between.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from koyjabo.base.network.client_address import Level

DAY_MS = 86_400_000
KEPT_MS = 3600 * 1000
"""Minimum time a state is kept after the last guess, ms, so that the audit log does not repeat its first entry."""

MAX_NETWORKS = 200
"""Maximum number of failed networks remembered per account; the oldest are forgotten. 60 IPv6 customers use 180."""

RESERVED_MS = 10_000
"""How long the next guess is reserved for the network that is first in line, ms. A client that tries every 5 s does not
miss it.
"""

NOTED_MS = 10_000
"""How long after a refusal further refusals of the same network change nothing, ms. A network keeps its claim
ten times as long.
"""


class Plan(NamedTuple):
    """Two budgets: `most` guesses plus one every `pace_ms`, and `most_a_day` plus one every `day_pace_ms`. A success
    refills the first. `reserve` guesses of the second are kept for networks that have not failed.
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

    def precedes(self, other: FailedNetwork | None) -> bool:
        """Whether this network gets the next guess before `other`: it has failed less often, or equally often but more
        recently. An owner who mistypes during an attack comes first.
        """
        return other is None or (self.failures, -self.failed_ms) < (other.failures, -other.failed_ms)


class Decision(NamedTuple):
    """The time until the next attempt may be permitted, ms, or 0; and how much of the first budget a permitted attempt
    uses, ms.
    """

    wait_ms: int
    spent_ms: int = 0


@dataclass(slots=True)
class GuessState:
    """An account's state. `spent_ms` and `day_spent_ms` are the times when the budgets will be full again (GCRA)."""

    failures: int = 0  # since the last success
    spent_ms: int = 0
    day_spent_ms: int = 0
    unlocked_ms: int = 0  # when the operator last cleared all failures, ms; 0 for never
    marks: dict[str, FailedNetwork] = field(default_factory=dict)

    def rank(self, networks: Sequence[Level]) -> int:
        """A network's failures, relative to its allowance; 0 if it has none that count."""
        ranks = [self.marks[network].failures // times for network, times in networks if network in self.marks]
        return max(ranks, default=0)

    def expires_ms(self, now_ms: int) -> int:
        return max(self.day_spent_ms, now_ms + KEPT_MS)

    def dump(self) -> str:
        marks = {name: [mark.failures, mark.failed_ms, mark.refused_ms] for name, mark in self.marks.items()}
        budgets = {"spent": self.spent_ms, "day": self.day_spent_ms, "unlocked": self.unlocked_ms}
        return json.dumps({**budgets, "marks": marks}, separators=(",", ":"))


def load(failures: int, text: str, plan: Plan, now_ms: int) -> GuessState:
    """Load the stored state, without networks whose last failure was a day ago or earlier. If the clock was set back,
    the budgets count as spent, except for the reserve.
    """
    stored = json.loads(text)
    marks = {name: FailedNetwork(*mark) for name, mark in stored.get("marks", {}).items() if mark[1] > now_ms - DAY_MS}
    return GuessState(
        failures,
        min(stored.get("spent", 0), now_ms + plan.most * plan.pace_ms),
        _in_time(stored.get("day", 0), plan, now_ms),
        stored.get("unlocked", 0),
        marks,
    )


def admit(state: GuessState, plan: Plan, networks: Sequence[Level], now_ms: int) -> Decision:
    """Count an attempt, or refuse it. `networks` are the networks that contain the client's address, smallest first."""
    opens_ms = _opens_for_ms(state, plan, networks, now_ms)
    if opens_ms > now_ms:
        mark = state.marks.get(networks[0].network)
        if mark is not None:
            mark.refused_ms = now_ms
        return Decision(opens_ms - now_ms)
    before_ms = max(state.spent_ms, now_ms)
    state.failures += 1
    state.spent_ms = min(before_ms + plan.pace_ms, now_ms + plan.most * plan.pace_ms)
    state.day_spent_ms = max(state.day_spent_ms, now_ms) + plan.day_pace_ms
    _mark(state, networks, now_ms)
    return Decision(0, state.spent_ms - before_ms)


def still_waits_ms(state: GuessState, plan: Plan, networks: Sequence[Level], now_ms: int) -> int:
    """How long the attempt still has to wait, if the last refusal was recorded recently; 0 if `admit` has to decide. A
    flood of refused attempts therefore only reads the state.
    """
    mark = state.marks.get(networks[0].network)
    is_noted = mark is None or mark.refused_ms > now_ms - NOTED_MS
    return max(0, _opens_for_ms(state, plan, networks, now_ms) - now_ms) if is_noted else 0


def take_back(state: GuessState, plan: Plan, networks: Sequence[Level], decision: Decision) -> None:
    """Undo an attempt that did not verify a password."""
    state.spent_ms -= decision.spent_ms
    state.day_spent_ms -= plan.day_pace_ms
    _unmark(state, networks, 1)


def succeed(state: GuessState, plan: Plan, networks: Sequence[Level]) -> None:
    """Undo an attempt with the right password, clear the failures of its network, then `forgive`."""
    state.day_spent_ms -= plan.day_pace_ms
    mark = state.marks.get(networks[0].network)
    _unmark(state, networks, mark.failures if mark else 0)
    forgive(state)


def forgive(state: GuessState) -> None:
    """Refill the first budget after a success. The second budget and other networks' failures stay, so that the owner's
    logins do not give others more guesses.
    """
    state.failures = state.spent_ms = 0
    for mark in state.marks.values():
        mark.refused_ms = 0


def _in_time(day_spent_ms: int, plan: Plan, now_ms: int) -> int:
    is_possible = day_spent_ms <= now_ms + plan.most_a_day * plan.day_pace_ms
    return day_spent_ms if is_possible else now_ms + (plan.most_a_day - plan.reserve) * plan.day_pace_ms


def _mark(state: GuessState, networks: Sequence[Level], now_ms: int) -> None:
    for network, _ in networks:
        mark = state.marks.setdefault(network, FailedNetwork(0, now_ms))
        mark.failures += 1
        mark.failed_ms = now_ms
    while len(state.marks) > MAX_NETWORKS:
        del state.marks[min(state.marks, key=lambda name: state.marks[name].failed_ms)]


def _unmark(state: GuessState, networks: Sequence[Level], failures: int) -> None:
    for network, _ in networks:
        mark = state.marks.get(network)
        if mark is not None:
            mark.failures -= failures
            if mark.failures <= 0:
                del state.marks[network]


def _opens_for_ms(state: GuessState, plan: Plan, networks: Sequence[Level], now_ms: int) -> int:
    if state.rank(networks) > 0:
        return _opens_ms(state, plan, networks[0].network, now_ms)
    return _day_opens_ms(state, plan, 0)


def _opens_ms(state: GuessState, plan: Plan, network: str, now_ms: int) -> int:
    """When a network that has failed may try again, unless another network does so first, ms."""
    hour_ms = state.spent_ms - (plan.most - 1) * plan.pace_ms
    opens_ms = max(hour_ms, _day_opens_ms(state, plan, plan.reserve))
    is_last = max(hour_ms + plan.pace_ms, _day_opens_ms(state, plan, plan.reserve + 1)) > now_ms
    return opens_ms + RESERVED_MS if is_last and _has_rival(state, plan, network, opens_ms) else opens_ms


def _day_opens_ms(state: GuessState, plan: Plan, kept: int) -> int:
    """The time when the second budget has one guess more than `kept`, ms."""
    return state.day_spent_ms - (plan.most_a_day - kept - 1) * plan.day_pace_ms


def _has_rival(state: GuessState, plan: Plan, network: str, opens_ms: int) -> bool:
    """Whether a network that comes first was recently refused and asked to return at `opens_ms`."""
    own, since_ms = state.marks.get(network), opens_ms - plan.day_pace_ms - RESERVED_MS
    return any(mark.refused_ms > since_ms and mark.precedes(own) for mark in state.marks.values())
