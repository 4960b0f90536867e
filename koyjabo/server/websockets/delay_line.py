"""Many things that are due after the same delay: one line of them, instead of a timer for each."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Thing = TypeVar("Thing")

ACTS_IN_A_ROW = 256


class DelayLine(Generic[Thing]):
    """Gives each thing that is put in to `act`, `delay_s` later, in the order they came."""

    def __init__(self, delay_s: float, act: Callable[[Thing], None]) -> None:
        self.delay_s = delay_s
        self._act = act
        self._line: deque[tuple[float, Thing]] = deque()

    def put(self, thing: Thing) -> None:
        self._line.append((time.monotonic() + self.delay_s, thing))

    @property
    def due_in_s(self) -> float:
        """Until the first one is due."""
        return self._line[0][0] - time.monotonic() if self._line else inf

    def run_due(self) -> None:
        """Act on all that are due; others have their turn in between."""
        now, count = time.monotonic(), 0
        while self._line and self._line[0][0] <= now:
            _, thing = self._line.popleft()
            try:
                self._act(thing)
            except Exception:
                log.exception("delayed_act_failed")
            count += 1
            if count % ACTS_IN_A_ROW == 0:
                time.sleep(0)
