"""Records the members who come to a community, as visitors of the day."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import Runtime

log = logging.getLogger(__name__)

MAX_REMEMBERED_ARRIVALS = 20_000
"""Maximum number of recorded arrivals that are cached, so that reloading a page needs no commit."""

Arrival = tuple[str, str, int, int]
"""(community, user, local hour, epoch). The epoch is needed because rows from an earlier epoch may have been deleted.
"""


class AttendanceLog:
    """Records members who open a community's socket as visitors of the day, soon afterwards and in batches. Calls
    `attend(community_id, users=user_ids, at_ms=…)`, which must be idempotent.
    """

    def __init__(self, attend: Callable[..., object], runtime: Runtime, clock: Clock) -> None:
        self._attend = attend
        self._runtime = runtime
        self._clock = clock
        self._written: OrderedDict[Arrival, None] = OrderedDict()
        self._unwritten: dict[Arrival, int] = {}  # time of arrival, ms
        self._is_writing = False
        self._lock = threading.Lock()

    def record(self, community_id: str, user_id: str, epoch: int) -> None:
        now_ms = self._clock.now_ms()
        arrival = (community_id, user_id, self._clock.bucket(now_ms).hour_s, epoch)
        with self._lock:
            if arrival not in self._written:
                self._unwritten[arrival] = now_ms
        self.tick()

    def tick(self) -> None:
        """Start writing new arrivals, and earlier ones that could not be written. Call this every second."""
        with self._lock:
            if self._is_writing or not self._unwritten:
                return
            self._is_writing = True
        self._runtime.start_task(self._write_all)

    def _write_all(self) -> None:
        try:
            while self._write_batch():
                pass
        except LedgerUnavailable:
            pass  # the next tick tries again
        finally:
            with self._lock:
                self._is_writing = False

    def _write_batch(self) -> bool:
        """Write the arrivals of one community and hour. Returns False if there are none."""
        with self._lock:
            community_id, _, hour_s, _ = next(iter(self._unwritten), ("", "", 0, 0))
            batch = [arrival for arrival in self._unwritten if (arrival[0], arrival[2]) == (community_id, hour_s)]
            at_ms = self._unwritten[batch[0]] if batch else 0
        if not batch:
            return False
        try:
            self._attend(community_id, users={user_id for _, user_id, *_ in batch}, at_ms=at_ms)
        except LedgerUnavailable:
            raise
        except Exception:  # this batch must not block all others
            log.exception("arrivals_not_written community=%s", community_id)
        with self._lock:
            for arrival in batch:
                self._unwritten.pop(arrival, None)
                self._written[arrival] = None
            while len(self._written) > MAX_REMEMBERED_ARRIVALS:
                self._written.popitem(last=False)
        return True
