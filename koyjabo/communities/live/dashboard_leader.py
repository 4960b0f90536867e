"""Decides which worker refreshes the dashboards."""

from collections.abc import Callable, Iterable

from koyjabo.base.core.clock import Clock

BEAT_S = 10.0


class DashboardLeader:
    """Decides which worker does each refresh. This class does so for a server with one worker."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_ms = 0

    def refresh_if_due(self, watched: Iterable[str], refresh: Callable[[Iterable[str]], None]) -> None:
        """Call `refresh`, now or soon, on only one worker, with the communities watched on any worker. This happens
        once every BEAT_S, however often workers call this. `watched` has the communities watched on this worker.
        """
        now_ms = self._clock.elapsed_ms()
        if now_ms >= self._next_ms:
            self._next_ms = now_ms + round(BEAT_S * 1000)
            refresh(watched)
