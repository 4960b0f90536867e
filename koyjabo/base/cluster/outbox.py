"""Sends messages to Redis from one background task, so that no request waits for Redis (specification: promise 8)."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import NamedTuple

import redis

from koyjabo.base.core.runtime import Runtime
from .redis_client import RedisClient, cause_of_error

log = logging.getLogger(__name__)

PACE_S = 0.01
"""Pause between two rounds, s. A value that changes several times during a pause is sent once."""

DRAIN_S = 2.0

MAX_ORDERED_MESSAGES = 1000
"""Maximum number of ordered messages waiting. While Redis is unreachable, the oldest are discarded."""

Send = Callable[[], object]


class RedisOutbox:
    """Sends queued messages in rounds.

    It keeps only the latest message per key, so memory stays bounded while Redis is unreachable. `on_return` is called
    when Redis responds again after an outage.
    """

    def __init__(self, runtime: Runtime, client: RedisClient, on_return: Callable[[], object]) -> None:
        self._client = client
        self._on_return = on_return
        self.reachable = True
        self._runtime = runtime
        self._newest: dict[Hashable, Send] = {}
        self._in_order: deque[Send] = deque(maxlen=MAX_ORDERED_MESSAGES)
        self._running = False
        self._lock = threading.Lock()

    def send_newest(self, key: Hashable, send: Send) -> None:
        """Send soon. Replaces an older message that is still waiting under the same key."""
        with self._lock:
            self._newest[key] = send
        self._run_soon()

    def send_in_order(self, send: Send) -> None:
        """Send soon, in the order of calls to this method."""
        with self._lock:
            self._in_order.append(send)
        self._run_soon()

    def drain(self) -> None:
        """Wait until everything has been sent, for at most DRAIN_S. Call this before the program exits."""
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
        while self._send_pending():
            time.sleep(PACE_S)

    def _send_pending(self) -> bool:
        """Send everything that is waiting. Returns False if nothing was waiting, which ends the task."""
        with self._lock:
            sends = [*self._newest.values(), *self._in_order]
            self._newest.clear()
            self._in_order.clear()
            self._running = bool(sends)
        for send in sends:
            if not self._try(send):
                break  # all others would time out as well
        return bool(sends)

    def _try(self, send: Send) -> bool:
        """Send a message. Returns False if Redis cannot be reached."""
        try:
            send()
            self._record_success()
        except (redis.RedisError, OSError) as error:
            if not self._client.note("send", error) and self.reachable:
                log.error("redis_unreachable cause=%r try='check REDIS_URL'", cause_of_error(error))
            self.reachable = False
            return False
        except Exception:
            log.exception("sending_failed")
        return True

    def _record_success(self) -> None:
        """Note that Redis responds. Raises redis.RedisError if it is still down, because a send function with nothing
        to send succeeds anyway.
        """
        if not self.reachable:
            self._client.probe()
            self._client.note("send")
            self.reachable = True
            log.warning("redis_recovered")
            self._on_return()


class SharedRedis(NamedTuple):
    """The Redis that all workers share: a client for reads, and the outbox for background writes."""

    client: RedisClient
    outbox: RedisOutbox
