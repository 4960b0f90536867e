"""Notices a wrong clock: a machine without a battery starts in 1970, and has visits of later years."""

import logging
from collections.abc import Callable

from koyjabo.base.core.clock import Clock
from .records import CounterSnapshot

log = logging.getLogger(__name__)


class ClockWatch:
    """Sets the clock's `newest_commit_ms`, and logs when the clock is found wrong, and right again. Call `tick` at the
    start and every second. `counter` returns the site's numbers. Without visits, nothing is known.
    """

    def __init__(self, clock: Clock, counter: Callable[[], CounterSnapshot]) -> None:
        self._clock = clock
        self._counter = counter
        self._was_wrong = False

    def tick(self) -> None:
        counter = self._counter()
        self._clock.newest_commit_ms = counter.revision if counter.visits else 0
        is_wrong = self._clock.is_wrong
        if is_wrong and not self._was_wrong:
            behind_s = (self._clock.newest_commit_ms - self._clock.system_ms()) // 1000
            log.warning("clock_wrong behind_s=%d advice=%r", behind_s, "Set the machine's clock from the network (NTP)")
        elif self._was_wrong and not is_wrong:
            log.warning("clock_mended")
        self._was_wrong = is_wrong
