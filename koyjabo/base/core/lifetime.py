"""The lifetime of an application: periodic calls, and what to do at its end."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from .runtime import Runtime

log = logging.getLogger(__name__)


class Ticker:
    """Runs `calls` one after the other every `interval_s` seconds, in a separate task. The calls may block. Work that
    runs here does not depend on messages, so a lost message does no lasting harm. An error that a call raises each
    time is logged once.
    """

    def __init__(self, runtime: Runtime, interval_s: float, calls: Sequence[Callable[[], object]]) -> None:
        self._runtime = runtime
        self._interval_s = interval_s
        self._calls = calls
        self._failing: dict[Callable[[], object], type[Exception]] = {}  # errors in the log, until a call succeeds
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
                    self._failing.pop(call, None)
                except Exception as error:
                    if self._failing.get(call) is not type(error):
                        log.exception("pulse_failed")
                    self._failing[call] = type(error)
            time.sleep(self._interval_s)


class Lifetime:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._tickers: list[Ticker] = []
        self._stops: list[Callable[[], object]] = []
        self._stack = ExitStack()

    def every(self, interval_s: float, *calls: Callable[[], object]) -> None:
        """Run these calls one after the other every `interval_s` seconds after `start`, in a separate task."""
        self._tickers.append(Ticker(self.runtime, interval_s, calls))

    def at_stop(self, call: Callable[[], object]) -> None:
        """Register a call that commits pending writes. `close` makes these calls first, in order of registration."""
        self._stops.append(call)

    def at_close(self, call: Callable[[], object]) -> None:
        """Register a call for `close` to make after the writers. Calls run in reverse order of registration."""
        self._stack.callback(call)

    def start(self) -> None:
        """Start the periodic calls. Idempotent."""
        for ticker in self._tickers:
            ticker.start()

    def close(self) -> None:
        """Make the calls registered with `at_stop`, then the others, also after one has failed. Idempotent."""
        for ticker in self._tickers:
            ticker.stop()
        while self._stops:
            self._stack.callback(self._stops.pop())
        self._stack.close()
