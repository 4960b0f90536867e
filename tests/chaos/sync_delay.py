"""What a slow disk costs: registrations a second with and without a delay of each sync, in turns."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import quantiles

from support.askers import Askers
from support.dials import Dial

from chaos.faults import SYNC_DELAY_US
from chaos.world import World

CLIENTS = 64
ROUNDS = 12
MOST_TIMES = 3
"""So often so many rounds: the machine may have had other work in all of them."""

TURN_S = 0.4
"""Short, so that other work on the machine troubles both kinds of turn alike."""

LEAST_RATIO = 2 / 3
"""A delay of 2 ms costs less than a third of the throughput."""


@dataclass
class SyncDelay:
    """Registrations a second, of each turn."""

    without: list[float] = field(default_factory=list)
    delayed: list[float] = field(default_factory=list)

    @property
    def rates(self) -> tuple[float, float]:
        """Of the better turns: what others do on the machine can only make them worse."""
        return quantiles(self.without, n=4)[2], quantiles(self.delayed, n=4)[2]

    @property
    def ratio(self) -> float:
        without, delayed = self.rates
        return delayed / without


def measure_sync_delay(world: World) -> SyncDelay | None:
    """None where the disk cannot be made slow. Its visits are in no book."""
    if world.sync_delay is None:
        return None
    found = SyncDelay()
    with Askers(world.server.port, CLIENTS) as askers:
        askers.ask_for(TURN_S)  # warm
        for _ in range(MOST_TIMES):
            _take_turns(askers, world.sync_delay, found)
            if found.ratio >= LEAST_RATIO:
                break
        else:
            world.book.breach(f"a sync delayed by {SYNC_DELAY_US} µs leaves {found.ratio:.2f} of the throughput")
    return found


def _take_turns(askers: Askers, delay: Dial, found: SyncDelay) -> None:
    for _ in range(ROUNDS):
        found.without.append(askers.ask_for(TURN_S))
        delay.set(SYNC_DELAY_US)
        found.delayed.append(askers.ask_for(TURN_S))
        delay.set(0)
