"""Regular checks that do not depend on notifications, so that a lost notification is made up for."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from koyjabo.core.runtime import Runtime

log = logging.getLogger(__name__)


class Ticker:
    """Runs `calls` every `interval_s`, one after the other, in a task of its own. They may block."""

    def __init__(self, runtime: Runtime, interval_s: float, calls: Sequence[Callable[[], object]]) -> None:
        self._runtime = runtime
        self._interval_s = interval_s
        self._calls = calls
        self._running = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the task. Idempotent."""
        with self._lock:
            if self._running:
                return
            self._running = True
        self._runtime.start_task(self._run)

    def stop(self) -> None:
        """End the task after the current round."""
        self._running = False

    def _run(self) -> None:
        while self._running:
            for call in self._calls:
                try:
                    call()
                except Exception:
                    log.exception("pulse_failed")
            time.sleep(self._interval_s)
