"""Limits how often work is done."""

import threading
from collections.abc import Callable, Hashable
from functools import partial

from koyjabo.base.core.runtime import Runtime


class Pace:
    """Limits how often the work for a key runs: the first call runs at once, further calls once per interval, and the
    last call always runs.
    """

    def __init__(self, runtime: Runtime, interval_s: float) -> None:
        self._runtime = runtime
        self._interval_s = interval_s
        self._waiting: dict[Hashable, Callable[[], object] | None] = {}
        self._lock = threading.Lock()

    def run(self, key: Hashable, call: Callable[[], object]) -> None:
        with self._lock:
            if key in self._waiting:
                self._waiting[key] = call
                return
            self._waiting[key] = None
        self._runtime.later(self._interval_s, partial(self._end, key))
        call()

    def _end(self, key: Hashable) -> None:
        with self._lock:
            call = self._waiting.pop(key)
        if call is not None:
            self.run(key, call)


class Unpaced:
    """Runs every call at once, because the outbox already limits the rate."""

    def run(self, key: Hashable, call: Callable[[], object]) -> None:
        call()
