"""What this worker sends to Redis, by one task, so that no request waits for it (specification: promise 8)."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable

import redis

from koyjabo.runtime import Runtime

log = logging.getLogger(__name__)

PACE_S = 0.01
"""Between two rounds: what changes faster is said once."""

DRAIN_S = 2.0

MOST_WAITING = 1000
"""Events that are sent as told; while Redis is away the oldest give way."""

Send = Callable[[], None]


class Outbox:
    """Sends in rounds. Of those with the same key only the newest is kept, so a frozen Redis costs no memory.

    `on_return` is called when Redis answers again after it did not.
    """

    def __init__(self, runtime: Runtime, on_return: Callable[[], None]) -> None:
        self._on_return = on_return
        self.reachable = True
        self._runtime = runtime
        self._newest: dict[Hashable, Send] = {}
        self._in_order: deque[Send] = deque(maxlen=MOST_WAITING)
        self._running = False
        self._lock = threading.Lock()

    def put(self, key: Hashable, send: Send) -> None:
        """Send soon. Whatever waits under the same key is replaced: it is older."""
        with self._lock:
            self._newest[key] = send
        self._run_soon()

    def put_in_order(self, send: Send) -> None:
        """Send soon, after what was put here before."""
        with self._lock:
            self._in_order.append(send)
        self._run_soon()

    def drain(self) -> None:
        """Return when all that was put here has been sent, or after a while: for a program that is about to end."""
        until = time.monotonic() + DRAIN_S
        while self._running and time.monotonic() < until:
            time.sleep(PACE_S)

    def _run_soon(self) -> None:
        with self._lock:
            if self._running:
                return
            self._running = True
        self._runtime.start_task(self._run)

    def _run(self) -> None:
        while self._round():
            time.sleep(PACE_S)

    def _round(self) -> bool:
        """Send all that waits; false when there was nothing, and then the task ends."""
        with self._lock:
            sends = [*self._newest.values(), *self._in_order]
            self._newest.clear()
            self._in_order.clear()
            self._running = bool(sends)
        for send in sends:
            if not self._try(send):
                break  # the rest would wait as long, and be as old
        return bool(sends)

    def _try(self, send: Send) -> bool:
        """False when Redis cannot be reached."""
        try:
            send()
            self._note_return()
        except (redis.RedisError, OSError) as error:
            if self.reachable:
                log.error("redis_unreachable cause=%r", str(error))
            self.reachable = False
            return False
        except Exception:
            log.exception("sending_failed")
        return True

    def _note_return(self) -> None:
        if not self.reachable:
            self.reachable = True
            log.warning("redis_recovered")
            self._on_return()
