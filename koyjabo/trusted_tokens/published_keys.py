"""The public keys of another system, read from AUTH_JWKS_URL and kept in memory. No request waits for them."""

from __future__ import annotations

import logging
import threading
from typing import Any

from koyjabo.core.clock import Clock
from koyjabo.core.errors import KeysUnavailable
from koyjabo.core.runtime import Runtime
from koyjabo.jwks import key_set
from koyjabo.jwks.key_set import LONGEST, InvalidKeySet, KeySet
from koyjabo.outbound.client import HttpClient
from koyjabo.outbound.messages import ANYWHERE, OutboundError, Request

log = logging.getLogger(__name__)

FRESH_S = 600
PAUSE_S = 30
"""Between two attempts, at least: after one that failed, and when a token names a key that is not known."""

TIMEOUT_S = 10.0
LOOK_S = 5.0
OK = 200


class PublishedKeys:
    """Call `tick` every LOOK_S. An attempt that fails leaves the keys as they are."""

    def __init__(self, url: str, http: HttpClient, runtime: Runtime, clock: Clock) -> None:
        self._url = url
        self._http = http
        self._runtime = runtime
        self._clock = clock
        self._keys: KeySet | None = None
        self._wait_s = FRESH_S
        self._ended_ms: int | None = None  # the last attempt, elapsed
        self._is_reading = False
        self._lock = threading.Lock()  # guards the last two; its holder must not wait

    def find(self, key_id: str | None, algorithm: str) -> Any:
        """As in `SigningKeys`. A key that is not known may be new: the keys are read again, for later requests."""
        keys = self._keys
        key = keys.find(key_id, algorithm) if keys is not None else None
        if key is None and self._begins(PAUSE_S):
            self._runtime.start_task(self._read)
        if keys is None:
            raise KeysUnavailable
        return key

    def tick(self) -> None:
        """Read the keys when it is time. Waits for them."""
        if self._begins(self._wait_s):
            self._read()

    def _begins(self, after_s: float) -> bool:
        """Whether the last attempt ended so long ago. If so, the caller has to read."""
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
            answer = self._http.fetch(
                Request("GET", self._url, timeout_s=TIMEOUT_S, most_bytes=LONGEST, destinations=ANYWHERE)
            )
            if answer.status != OK:
                raise InvalidKeySet(f"status {answer.status}")
            self._keys, self._wait_s = key_set.read(answer.body), FRESH_S
        except (OutboundError, InvalidKeySet) as error:
            log.warning("keys_not_read reason=%r kept=%s", str(error), self._keys is not None)
        finally:
            with self._lock:
                self._ended_ms = self._clock.elapsed_ms()
                self._is_reading = False
