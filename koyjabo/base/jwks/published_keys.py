"""Another server's public keys. A worker caches them and refreshes them in time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import KeysUnavailable
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.jwks.key_set import InvalidKeySet, KeySet
from koyjabo.base.outbound.messages import OutboundError

log = logging.getLogger(__name__)

FRESH_S = 600
PAUSE_S = 30
"""Minimum time between attempts, s, after a failure or when a token names an unknown key."""

POLL_S = 5.0


class PublishedKeys:
    """Cached keys, which stay unchanged if an attempt to refresh them fails. `read` calls the other server, which takes
    time. It raises OutboundError, InvalidKeySet, or KeysUnavailable after logging the reason.
    """

    def __init__(self, read: Callable[[], KeySet], runtime: Runtime, clock: Clock) -> None:
        self._read_keys = read
        self._runtime = runtime
        self._clock = clock
        self._keys: KeySet | None = None
        self._wait_s = FRESH_S
        self._ended_ms: int | None = None  # end of the last attempt, elapsed ms
        self._is_reading = False
        self._lock = threading.Lock()  # guards the two fields above; never wait while holding it

    def find(self, key_id: str | None, algorithm: str) -> Any:
        """The key that verifies a token, or None. Does not wait. An unknown key may be new, so the keys are refreshed
        for later requests. Raises KeysUnavailable if no keys have been read yet.
        """
        keys = self._keys
        key = keys.find(key_id, algorithm) if keys is not None else None
        if key is None and self._begins(PAUSE_S):
            self._runtime.start_task(self._read)
        if keys is None:
            raise KeysUnavailable
        return key

    def find_or_read(self, key_id: str | None, algorithm: str) -> Any:
        """Like `find`, but waits if the keys are missing or outdated, or the key is unknown. For requests that wait for
        the other server anyway.
        """
        if self._keys is None:
            self._read()
        self.tick()
        if self._keys is None:
            raise KeysUnavailable
        key = self._keys.find(key_id, algorithm)
        if key is None and (self._is_reading or self._begins(PAUSE_S)):  # another request's read may finish too late
            self._read()
            key = self._keys.find(key_id, algorithm)
        return key

    def tick(self) -> None:
        """Refresh the keys when due, and wait for them. If requests use `find`, call this every POLL_S."""
        if self._begins(self._wait_s):
            self._read()

    def _begins(self, after_s: float) -> bool:
        """Whether the last attempt ended at least this long ago. If it did, the caller has to read the keys."""
        now_ms = self._clock.elapsed_ms()
        with self._lock:
            is_due = self._ended_ms is None or now_ms - self._ended_ms >= 1000 * after_s
            if self._is_reading or not is_due:
                return False
            self._is_reading = True
            return True

    def _read(self) -> None:
        self._wait_s = PAUSE_S
        try:
            self._keys, self._wait_s = self._read_keys(), FRESH_S
        except KeysUnavailable:
            pass
        except (OutboundError, InvalidKeySet) as error:
            log.warning("keys_not_read reason=%r kept=%s", str(error), self._keys is not None)
        finally:
            with self._lock:
                self._ended_ms = self._clock.elapsed_ms()
                self._is_reading = False
