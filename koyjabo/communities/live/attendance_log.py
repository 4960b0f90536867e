"""Members who have opened a community's socket are visitors of the day: written down soon, many together."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection

from koyjabo.clock import Clock
from koyjabo.errors import LedgerUnavailable
from koyjabo.runtime import Runtime

log = logging.getLogger(__name__)

MOST_REMEMBERED = 20_000
"""Arrivals of which it is known that they have been written down: whoever reloads a page costs no commit."""

Arrival = tuple[str, str, int, int]
"""(community, user, local hour, epoch: what was written in another one may be gone)"""


class Arrivals:
    """`attend(community_id, user_ids, at_ms)` writes down that these were there then; once more is no harm."""

    def __init__(self, attend: Callable[[str, Collection[str], int], None], runtime: Runtime, clock: Clock) -> None:
        self._attend = attend
        self._runtime = runtime
        self._clock = clock
        self._written: OrderedDict[Arrival, None] = OrderedDict()
        self._waiting: dict[Arrival, int] = {}  # ms at which they came
        self._is_writing = False
        self._lock = threading.Lock()

    def note(self, community_id: str, user_id: str, epoch: int) -> None:
        now_ms = self._clock.now_ms()
        arrival = (community_id, user_id, self._clock.bucket(now_ms).hour_s, epoch)
        with self._lock:
            if arrival not in self._written:
                self._waiting[arrival] = now_ms
        self.tick()

    def tick(self) -> None:
        """Write what waits, also what could not be written before; call every second."""
        with self._lock:
            if self._is_writing or not self._waiting:
                return
            self._is_writing = True
        self._runtime.start_task(self._write_all)

    def _write_all(self) -> None:
        try:
            while self._write_some():
                pass
        except LedgerUnavailable:
            pass  # the next tick tries again
        finally:
            with self._lock:
                self._is_writing = False

    def _write_some(self) -> bool:
        """Those of one community and hour; false when there are none."""
        with self._lock:
            community_id, _, hour_s, _ = next(iter(self._waiting), ("", "", 0, 0))
            some = [each for each in self._waiting if (each[0], each[2]) == (community_id, hour_s)]
            at_ms = self._waiting[some[0]] if some else 0
        if not some:
            return False
        try:
            self._attend(community_id, {user_id for _, user_id, *_ in some}, at_ms)
        except LedgerUnavailable:
            raise
        except Exception:  # these are not to stand in the way of all others
            log.exception("arrivals_not_written community=%s", community_id)
        self._note_written(some)
        return True

    def _note_written(self, some: list[Arrival]) -> None:
        with self._lock:
            for arrival in some:
                self._waiting.pop(arrival, None)
                self._written[arrival] = None
            while len(self._written) > MOST_REMEMBERED:
                self._written.popitem(last=False)
