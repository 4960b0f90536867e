"""What happens on the sockets of this worker, said once, for the log and for whoever counts.

The logger `koyjabo.websockets` tells four kinds of things: who comes and goes, failed authentication,
broadcasts (at DEBUG: there may be twenty a second in each room), and errors. Nothing in it is personal.
"""

from __future__ import annotations

import logging
import time

from koyjabo.observability.metrics import Metrics
from koyjabo.observability.reconnections import Comebacks
from koyjabo.realtime.close_codes import CLEAN_CLOSES, GOING_AWAY

log = logging.getLogger("koyjabo.websockets")

NOWHERE = "-"
"""Stands for a community in the log where there is none."""

BROADCAST = "broadcast room=%s type=%s clients=%d bytes=%d ms=%.1f revision=%s"
TOLD_OF_COMMITS = "visitor_update"


class Traffic:
    def __init__(self, metrics: Metrics, comebacks: Comebacks) -> None:
        self._metrics = metrics
        self._comebacks = comebacks

    def opened(self, kind: str, community: str = NOWHERE, who: str | None = None) -> None:
        """A socket was opened and let in, by `who` where they say so."""
        is_back = who is not None and self._comebacks.is_back(who)
        self._metrics.opened(kind, is_back)
        log.info("socket_opened kind=%s community=%s reconnection=%s", kind, community, is_back)

    def refused(self, kind: str, community: str, code: int | str, why: str) -> None:
        """Somebody may not be where they wanted to be; `why` is a code of `koyjabo.errors`, or a word like one."""
        self._metrics.error(f"socket_{why}")
        log.info("socket_refused kind=%s community=%s code=%s why=%s", kind, community, code, why)

    def closed(self, kind: str, code: int, duration_s: float, community: str = NOWHERE, who: str | None = None) -> None:
        """One that was let in has ended, with the code its client gave."""
        if who is not None and code not in CLEAN_CLOSES and code != GOING_AWAY:
            self._comebacks.lost(who)
        self._metrics.closed(duration_s)
        log.info("socket_closed kind=%s community=%s code=%d duration_s=%.1f", kind, community, code, duration_s)

    def received(self, kind: str) -> None:
        self._metrics.received(kind)

    def sent(self, room: str, event: str, clients: int, size: int, revision: int | None, took_s: float) -> None:
        """An event has been written to everybody in a room here: `size` bytes to each, within `took_s` seconds."""
        self._metrics.sent(event, clients)
        if event == TOLD_OF_COMMITS and revision is not None:  # which is when it was committed, ms
            self._metrics.delivered(max(0.0, time.time() - revision / 1000))
        log.debug(BROADCAST, room, event, clients, size, took_s * 1000, revision)

    def told(self, event: str) -> None:
        """One member alone was sent the present value of their room."""
        self._metrics.sent(event, 1)
