"""How long it takes, from the end of a fault, until all is well again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from chaos.world import World

TURN_S = 0.01
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Recovery:
    kinds: tuple[str, ...]
    at_s: float
    """When the fault began, since the book was opened."""
    acknowledged_s: float
    """Until a visit of every client was acknowledged."""
    agreed_s: float
    """Until every page was open and showed those."""


def recover(world: World, kinds: tuple[str, ...], at_s: float) -> Recovery:
    """Wait for it. What does not come is a breach."""
    began = time.monotonic()
    counted = partial(all_are_counted, world, began)
    acknowledged_s = _seconds_until(world, counted, f"not everybody's visits are counted after {kinds}", began)
    least = world.book.newest
    agreed_s = _seconds_until(world, lambda: all_show(world, least), f"pages do not agree after {kinds}", began)
    return Recovery(kinds, at_s, acknowledged_s, agreed_s)


def all_are_counted(world: World, since: float) -> bool:
    return all(visitor.counted_at > since for visitor in world.visitors)


def all_show(world: World, least: int) -> bool:
    return all(page.is_open and page.seen.total >= least for page in world.pages)


def _seconds_until(world: World, condition: Callable[[], bool], otherwise: str, began: float) -> float:
    while not condition():
        if time.monotonic() - began > PATIENCE_S:
            world.book.breach(f"{otherwise}, for {PATIENCE_S:.0f} s")
            break
        time.sleep(TURN_S)
    return time.monotonic() - began
