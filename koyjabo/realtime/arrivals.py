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

Arrival = tuple[str, str, int]
"""(community, user, local hour)"""


class Arrivals:
    """`attend(community_id, user_ids)` writes down that these were there now; once more is no harm."""

    def __init__(self, attend: Callable[[str, Collection[str]], None], runtime: Runtime, clock: Clock) -> None:
        self._attend = attend
        self._runtime = runtime
        self._clock = clock
        self._written: OrderedDict[Arrival, None] = OrderedDict()
        self._waiting: dict[Arrival, None] = {}
        self._is_writing = False
        self._lock = threading.Lock()

    def note(self, community_id: str, user_id: str) -> None:
        arrival = (community_id, user_id, self._clock.bucket(self._clock.now_ms()).hour_s)
        with self._lock:
            if arrival not in self._written:
                self._waiting[arrival] = None
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
        except Exception:
            log.exception("arrivals_not_written")
        finally:
            with self._lock:
                self._is_writing = False

    def _write_some(self) -> bool:
        """Those of one community; false when there are none."""
        with self._lock:
            community_id = next(iter(self._waiting), ("", "", 0))[0]
            some = [arrival for arrival in self._waiting if arrival[0] == community_id]
        if some:
            self._attend(community_id, {user_id for _, user_id, _ in some})
        with self._lock:
            for arrival in some:
                self._waiting.pop(arrival, None)
                self._written[arrival] = None
            while len(self._written) > MOST_REMEMBERED:
                self._written.popitem(last=False)
        return bool(some)
