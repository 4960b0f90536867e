"""A queue of items that are due after the same delay, instead of a timer for each."""

import logging
import time
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Item = TypeVar("Item")
CALLS_IN_A_ROW = 256


class DelayLine(Generic[Item]):
    """Calls `act` with each item, in order, `delay_s` after the item was added."""

    def __init__(self, delay_s: float, act: Callable[[Item], None]) -> None:
        self.delay_s = delay_s
        self._act = act
        self._queue: deque[tuple[float, Item]] = deque()

    def put(self, item: Item) -> None:
        self._queue.append((time.monotonic() + self.delay_s, item))

    @property
    def due_in_s(self) -> float:
        """Time until the first item is due, s; infinity if there are no items."""
        return self._queue[0][0] - time.monotonic() if self._queue else inf

    def run_due(self) -> None:
        """Call `act` with all items that are due. Yields to other tasks after every CALLS_IN_A_ROW items."""
        now, count = time.monotonic(), 0
        while self._queue and self._queue[0][0] <= now:
            _, item = self._queue.popleft()
            try:
                self._act(item)
            except Exception:
                log.exception("delayed_act_failed")
            count += 1
            if count % CALLS_IN_A_ROW == 0:
                time.sleep(0)
