"""Decides whether an attempt at a password is permitted, from the stored state of the account (decision 52).

Pure: callers load the state, store it again, and hold its lock in between.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from koyjabo.network.client_address import Level

DAY_MS = 86_400_000
KEPT_MS = 3600 * 1000
"""How long a state is kept at least after the last guess, so that the audit log does not get its first line again."""

MOST_NETWORKS = 200
"""Networks remembered for an account: 60 IPv6 customers have 180. The oldest ones are forgotten."""

TURN_MS = 10_000
"""How long the next guess is reserved for the network in turn: a client that tries every 5 s does not miss it."""

NOTED_MS = 10_000
"""For so long after a refusal, further ones to the same network change nothing: a network claims its turn for ten times
as long.
"""


class Plan(NamedTuple):
    """Two budgets: `most` guesses, and one more each `pace_ms`. A success fills the first one. Of the second one,
    `reserve` guesses are kept for networks that have not failed.
    """

    most: int
    pace_ms: int
    most_a_day: int
    day_pace_ms: int
    reserve: int = 0


@dataclass(slots=True)
class Mark:
    """A network that has failed: how often, and when it did so and was refused last, ms."""

    failures: int
    failed_ms: int
    refused_ms: int = 0

    def precedes(self, other: Mark | None) -> bool:
        """Whether this network's turn is before that of another one: it has failed less often, or as often and later,
        as an owner does who mistypes during an attack.
        """
        return other is None or (self.failures, -self.failed_ms) < (other.failures, -other.failed_ms)


class Decision(NamedTuple):
    """0, and the cost of the attempt to the first budget; or the time until the next attempt may be permitted, ms."""

    wait_ms: int
    spent_ms: int = 0


@dataclass(slots=True)
class GuessState:
    """`spent_ms` and `day_spent_ms` are the moments at which the two budgets are full again (GCRA)."""

    failures: int = 0  # since the last success
    spent_ms: int = 0
    day_spent_ms: int = 0
    unlocked_ms: int = 0  # when the operator last took all failures back; 0 for never
    marks: dict[str, Mark] = field(default_factory=dict)

    def rank(self, networks: Sequence[Level]) -> int:
        """The failures of a network, relative to what it is allowed; 0 for one that counts as not having failed."""
        ranks = [self.marks[network].failures // times for network, times in networks if network in self.marks]
        return max(ranks, default=0)

    def expires_ms(self, now_ms: int) -> int:
        return max(self.day_spent_ms, now_ms + KEPT_MS)

    def dump(self) -> str:
        marks = {name: [mark.failures, mark.failed_ms, mark.refused_ms] for name, mark in self.marks.items()}
        budgets = {"spent": self.spent_ms, "day": self.day_spent_ms, "unlocked": self.unlocked_ms}
        return json.dumps({**budgets, "marks": marks}, separators=(",", ":"))


def load(failures: int, text: str, plan: Plan, now_ms: int) -> GuessState:
    """The stored state, without networks whose failures are a day old. If the clock was put back, the budgets are
    spent, apart from the reserve.
    """
    said = json.loads(text)
    marks = {name: Mark(*mark) for name, mark in said.get("marks", {}).items() if mark[1] > now_ms - DAY_MS}
    return GuessState(
        failures,
        min(said.get("spent", 0), now_ms + plan.most * plan.pace_ms),
        _in_time(said.get("day", 0), plan, now_ms),
        said.get("unlocked", 0),
        marks,
    )


def admit(state: GuessState, plan: Plan, networks: Sequence[Level], now_ms: int) -> Decision:
    """Count an attempt, or refuse it. `networks` are those of one address, smallest first."""
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
    """How long an attempt has to wait that `admit` would refuse and that it need not note, since it has just noted
    another one: a flood of refused attempts is only read. 0 if `admit` has to decide.
    """
    mark = state.marks.get(networks[0].network)
    is_noted = mark is None or mark.refused_ms > now_ms - NOTED_MS
    return max(0, _opens_for_ms(state, plan, networks, now_ms) - now_ms) if is_noted else 0


def take_back(state: GuessState, plan: Plan, networks: Sequence[Level], decision: Decision) -> None:
    """Undo an attempt in which no password was verified."""
    state.spent_ms -= decision.spent_ms
    state.day_spent_ms -= plan.day_pace_ms
    _unmark(state, networks, 1)


def succeed(state: GuessState, plan: Plan, networks: Sequence[Level]) -> None:
    """Undo an attempt with the right password, and the failures of its network; and `forgive`."""
    state.day_spent_ms -= plan.day_pace_ms
    mark = state.marks.get(networks[0].network)
    _unmark(state, networks, mark.failures if mark else 0)
    forgive(state)


def forgive(state: GuessState) -> None:
    """Fill the first budget, after a success. The second one and the failures of other networks stay as they are, so
    that the owner's logins lend no guesses to others.
    """
    state.failures = state.spent_ms = 0
    for mark in state.marks.values():
        mark.refused_ms = 0


def _in_time(day_spent_ms: int, plan: Plan, now_ms: int) -> int:
    is_possible = day_spent_ms <= now_ms + plan.most_a_day * plan.day_pace_ms
    return day_spent_ms if is_possible else now_ms + (plan.most_a_day - plan.reserve) * plan.day_pace_ms


def _mark(state: GuessState, networks: Sequence[Level], now_ms: int) -> None:
    for network, _ in networks:
        mark = state.marks.setdefault(network, Mark(0, now_ms))
        mark.failures += 1
        mark.failed_ms = now_ms
    while len(state.marks) > MOST_NETWORKS:
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
    """When a network that has failed may try again, unless another one does so first."""
    hour_ms = state.spent_ms - (plan.most - 1) * plan.pace_ms
    opens_ms = max(hour_ms, _day_opens_ms(state, plan, plan.reserve))
    is_last = max(hour_ms + plan.pace_ms, _day_opens_ms(state, plan, plan.reserve + 1)) > now_ms
    return opens_ms + TURN_MS if is_last and _has_rival(state, plan, network, opens_ms) else opens_ms


def _day_opens_ms(state: GuessState, plan: Plan, kept: int) -> int:
    """When the second budget has a guess more than are kept."""
    return state.day_spent_ms - (plan.most_a_day - kept - 1) * plan.day_pace_ms


def _has_rival(state: GuessState, plan: Plan, network: str, opens_ms: int) -> bool:
    """Whether a network whose turn is before was refused lately, and so told to return at `opens_ms`."""
    own, since_ms = state.marks.get(network), opens_ms - plan.day_pace_ms - TURN_MS
    return any(mark.refused_ms > since_ms and mark.precedes(own) for mark in state.marks.values())
