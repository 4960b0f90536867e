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
    when Redis responds again after an outage. After a refusal, it pauses before the next round.
    """

    def __init__(self, runtime: Runtime, client: RedisClient, on_return: Callable[[], object]) -> None:
        self._client = client
        self._on_return = on_return
        self.reachable = True
        self._failed: Send | None = None  # has to succeed before Redis counts as reachable again
        self._pause_s = 0.0
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
        """Wait until everything has been sent, for at most DRAIN_S, and not for a Redis that refuses. Call this before
        the program exits.
        """
        until = time.monotonic() + DRAIN_S
        while self._running and not self._pause_s and time.monotonic() < until:
            time.sleep(PACE_S)

    def _run_soon(self) -> None:
        with self._lock:
            if self._running:
                return
            self._running = True
        self._runtime.start_task(self._run)

    def _run(self) -> None:
        while self._send_pending():
            time.sleep(self._pause_s or PACE_S)

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
            if not self.reachable:
                self._recover()
            _call(send)
        except (redis.RedisError, OSError) as error:
            self._pause_s = self._client.note("send", error)
            if self.reachable:
                self._failed = send
                if not self._pause_s:
                    log.error("redis_unreachable cause=%r try='check REDIS_URL'", cause_of_error(error))
            self.reachable = False
            return False
        return True

    def _recover(self) -> None:
        """Raises redis.RedisError or OSError if Redis is still down or still refuses what it has refused. The probe is
        needed because a send function with nothing to send succeeds anyway.
        """
        self._client.probe()
        if self._failed:
            _call(self._failed)
        self._client.note("send")
        self._failed, self._pause_s, self.reachable = None, 0.0, True
        log.warning("redis_recovered")
        self._on_return()


def _call(send: Send) -> None:
    """Call a send function. Raises redis.RedisError or OSError, and logs errors that Redis has not caused."""
    try:
        send()
    except (redis.RedisError, OSError):
        raise
    except Exception:
        log.exception("sending_failed")


class SharedRedis(NamedTuple):
    """The Redis that all workers share: a client for reads, and the outbox for background writes."""

    client: RedisClient
    outbox: RedisOutbox
