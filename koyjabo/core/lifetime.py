"""Starts the periodic calls of an application, and closes its resources."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from koyjabo.core.runtime import Runtime
from koyjabo.core.ticker import Ticker


class Lifetime:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._tickers: list[Ticker] = []
        self._stack = ExitStack()

    def every(self, interval_s: float, *calls: Callable[[], object]) -> None:
        """After `start`, make these calls every `interval_s` seconds, one after the other, in a separate task."""
        self._tickers.append(Ticker(self._runtime, interval_s, calls))

    def at_close(self, call: Callable[[], object]) -> None:
        """Call it in `close`, after the calls that are added later."""
        self._stack.callback(call)

    def start(self) -> None:
        """Idempotent."""
        for ticker in self._tickers:
            ticker.start()

    def close(self) -> None:
        """Idempotent."""
        for ticker in self._tickers:
            ticker.stop()
        self._stack.close()
