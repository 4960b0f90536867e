"""How long a page is visible, and whether its visitor acts."""

from __future__ import annotations

from math import log
from random import Random
from typing import NamedTuple

from demo.audience import Kind, one_of


class Stay(NamedTuple):
    """`attended_ms` is how long the page is visible."""

    attended_ms: int
    acted: bool = False

    @property
    def is_over_at_once(self) -> bool:
        return self.attended_ms in FIRST_GLANCE_MS


UNSEEN = Stay(0)
"""A tab in the background, a crawler or a bot."""

ACTS, READS, LEAVES, BACKGROUND = "acts", "reads", "leaves at once", "tab in the background"
PEOPLE = [(ACTS, 74), (READS, 10), (LEAVES, 9), (BACKGROUND, 7)]
PROGRAMS = [(ACTS, 2), (READS, 5)]
"""Behaviours of people, and of programs that drive a browser, with weights."""

MEDIAN_S = {ACTS: 25, READS: 9}
SPREAD = 1.1
"""The standard deviation of the logarithm: one in five visitors who act stays for over a minute."""

SHORTEST_MS, LONGEST_MS = 2_000, 2_400_000
FIRST_GLANCE_MS = range(100, 900)
"""How long the page is visible to people who leave at once."""


def of(kind: Kind, dice: Random) -> Stay:
    """A random stay of a visitor."""
    if kind is Kind.BOT:
        return UNSEEN
    does, _ = one_of(PROGRAMS if kind is Kind.PROGRAM else PEOPLE, dice)
    if does == BACKGROUND:
        return UNSEEN
    if does == LEAVES:
        return Stay(dice.choice(FIRST_GLANCE_MS))
    attended_ms = round(1000 * dice.lognormvariate(log(MEDIAN_S[does]), SPREAD))
    return Stay(min(LONGEST_MS, max(SHORTEST_MS, attended_ms)), acted=does == ACTS)
