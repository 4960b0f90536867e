"""What is looked at every second, whether or not anybody said something: nobody relies on having been told."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from koyjabo.runtime import Runtime

log = logging.getLogger(__name__)


class Pulse:
    """Makes `calls` every `interval_s`, one after the other, in a task of its own. They may wait."""

    def __init__(self, runtime: Runtime, interval_s: float, calls: Sequence[Callable[[], object]]) -> None:
        self._runtime = runtime
        self._interval_s = interval_s
        self._calls = calls
        self._beating = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin; a second time does nothing."""
        with self._lock:
            if self._beating:
                return
            self._beating = True
        self._runtime.start_task(self._beat)

    def stop(self) -> None:
        """Let the present round be the last one."""
        self._beating = False

    def _beat(self) -> None:
        while self._beating:
            for call in self._calls:
                try:
                    call()
                except Exception:
                    log.exception("pulse_failed")
            time.sleep(self._interval_s)
