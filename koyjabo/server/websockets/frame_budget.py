"""A budget of frames for each network: a client with many WebSockets cannot keep a worker busy (decision 121)."""

from __future__ import annotations

import time

from koyjabo.base.network.client_address import Level, levels

FRAMES_A_SECOND = 1_000
"""How many frames an address may send in the long run, per worker.

2,000 pages behind one address, the usual limit, send 80 pongs a second. 1,000 frames take 2 to 4 % of a core.
"""

MAX_BURST = 10_000
"""How many frames an address may send at once: five from each of 2,000 pages, for example when all are shown."""


class FrameBudget:
    """A leaky bucket for each network. Larger networks have larger budgets (see `levels`)."""

    def __init__(self) -> None:
        self._used: dict[Level, float] = {}  # frames
        self._used_up: set[Level] = set()
        self._leaked_at = time.monotonic()

    def charge(self, address: str, frames: int) -> None:
        """Count frames from an address. An empty address has no budget (see `koyjabo.base.network.client_address`)."""
        if not address:
            return
        for level in levels(address):
            used = self._used[level] = self._used.get(level, 0.0) + frames
            if used > MAX_BURST * level.times:
                self._used_up.add(level)

    def is_used_up(self, address: str) -> bool:
        """Whether an address must wait before more of its frames are read."""
        return bool(self._used_up) and not self._used_up.isdisjoint(levels(address))

    def left(self, level: Level) -> float:
        """How many frames of a network may be read; 0 or less if its budget is used up."""
        return MAX_BURST * level.times - self._used.get(level, 0.0)

    def refill(self) -> None:
        """Return the frames of the time since the last call."""
        now = time.monotonic()
        frames, self._leaked_at = FRAMES_A_SECOND * (now - self._leaked_at), now
        left = {level: used - frames * level.times for level, used in self._used.items()}
        self._used = {level: used for level, used in left.items() if used > 0}
        self._used_up = {level for level in self._used_up if self._used.get(level, 0.0) >= MAX_BURST * level.times}
