"""In which order faults come: every kind once, shuffled, and over again; sometimes two at once."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from chaos.faults import Fault

AT_ONCE = 0.35
"""Of the faults that last, how many have another one in their midst."""


def deal(kinds: Sequence[Fault], chance: random.Random) -> Iterator[tuple[Fault, ...]]:
    """One fault, or two of which the second comes while the first lasts. Never ends; see `is_first_of_deck`."""
    while True:
        deck = chance.sample(list(kinds), len(kinds))
        while deck:
            fault = deck.pop()
            companions = [each for each in deck if each.harms != fault.harms and not each.settles]
            if fault.lasts_s[1] > 0 and companions and chance.random() < AT_ONCE:
                other = chance.choice(companions)
                deck.remove(other)
                yield fault, other
            else:
                yield (fault,)
