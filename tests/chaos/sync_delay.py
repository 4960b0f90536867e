"""What a slow disk costs: registrations a second with and without a delay of each sync, in turns."""

from __future__ import annotations

from statistics import quantiles

from support.askers import Askers

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


def measure_sync_delay(world: World) -> tuple[float, float] | None:
    """Registrations a second of the better turns: what others do on the machine can only make them worse.

    None where the disk cannot be made slow. Its visits are in no book.
    """
    if world.sync_delay is None:
        return None
    turns: dict[int, list[float]] = {0: [], SYNC_DELAY_US: []}
    with Askers(world.server.port, CLIENTS) as askers:
        askers.ask_for(TURN_S)  # warm
        for _ in range(MOST_TIMES):
            for delay_us in [*turns] * ROUNDS:
                world.sync_delay.set(delay_us)
                turns[delay_us].append(askers.ask_for(TURN_S))
            world.sync_delay.set(0)
            without, delayed = (quantiles(rates, n=4)[2] for rates in turns.values())
            if delayed / without >= LEAST_RATIO:
                return without, delayed
    world.book.breach(f"a sync delayed by {SYNC_DELAY_US} µs leaves {delayed / without:.2f} of the throughput")
    return without, delayed
