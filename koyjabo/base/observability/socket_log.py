"""Records what happens on this worker's sockets, in the log and in the metrics.

The logger `koyjabo.websockets` writes four kinds of lines: sockets opened and closed, failed authentication, broadcasts
(at DEBUG, up to twenty a second in each room), and errors. Lines contain no personal data. Each address gets only a few
lines a minute, so that a client that keeps reconnecting does not fill the disk. The metrics count everything.
"""

import logging
import time
from collections.abc import Callable

from koyjabo.base.core.close_codes import CLEAN_CLOSES, GOING_AWAY
from koyjabo.base.network.rate_limiter import Rate
from .metrics import Metrics
from .reconnections import Reconnections

log = logging.getLogger("koyjabo.websockets")

NO_COMMUNITY_TEXT = "-"
"""The community in log lines about sockets that have none."""

MAX_LINES = 3
"""Maximum number of lines per address per minute, counted separately for opened, closed and refused sockets."""

BROADCAST = "broadcast room=%s type=%s clients=%d bytes=%d ms=%.1f revision=%s"
COMMIT_EVENT = "visitor_update"
"""The only event whose revision is the time of a commit, ms."""


class SocketLog:
    """Records what happens on sockets."""

    def __init__(self, metrics: Metrics, reconnections: Reconnections) -> None:
        self._metrics = metrics
        self._reconnections = reconnections
        self._lines = Rate(MAX_LINES)
        self.caused_by_visits: Callable[[str], bool] = lambda room: False
        """Whether visits caused the event that a room has just sent. Only such events have a commit, and the time from
        it is measured.
        """

    def opened(self, kind: str, address: str, community: str = NO_COMMUNITY_TEXT, who: str | None = None) -> None:
        """Record a socket that was opened and admitted. `who` is its user or visitor, if known. `address` is its
        `limit_key` in all methods.
        """
        is_back = who is not None and self._reconnections.is_back(who)
        self._metrics.opened(kind, is_back)
        if self._has_line(address, "opened"):
            log.info("socket_opened kind=%s community=%s reconnection=%s", kind, community, is_back)

    def named(self, who: str) -> None:
        """Record that a socket has named its visitor after being opened. The visitor may have reconnected."""
        if self._reconnections.is_back(who):
            self._metrics.reconnected()

    def refused(self, kind: str, address: str, community: str, code: int | str, why: str) -> None:
        """Record a refused socket or join. `why` is a code from `koyjabo.base.core.errors` or a word in the
        same style.
        """
        self._metrics.error(f"socket_{why}")
        if self._has_line(address, "refused"):
            log.info("socket_refused kind=%s community=%s code=%s why=%s", kind, community, code, why)

    def closed(
        self,
        kind: str,
        address: str,
        code: int,
        duration_s: float,
        community: str = NO_COMMUNITY_TEXT,
        who: str | None = None,
    ) -> None:
        """Record the end of an admitted socket, with the client's close code."""
        if who is not None and code not in CLEAN_CLOSES and code != GOING_AWAY:
            self._reconnections.lost(who)
        self._metrics.closed(duration_s)
        if self._has_line(address, "closed"):
            log.info("socket_closed kind=%s community=%s code=%d duration_s=%.1f", kind, community, code, duration_s)

    def received(self, kind: str) -> None:
        self._metrics.received(kind)

    def sent(self, room: str, event: str, clients: int, size: int, revision: int | None, took_s: float) -> None:
        """Record an event sent to all clients of a room on this worker: `size` bytes to each, in `took_s` seconds."""
        self._metrics.sent(event, clients)
        if event == COMMIT_EVENT and revision is not None and self.caused_by_visits(room):
            self._metrics.delivered(max(0.0, time.time() - revision / 1000))
        log.debug(BROADCAST, room, event, clients, size, took_s * 1000, revision)

    def sent_to_one(self, event: str) -> None:
        """Record that a room's current value was sent to one member."""
        self._metrics.sent(event, 1)

    def _has_line(self, address: str, event: str) -> bool:
        return not address or not self._lines.use_address(address, event).is_exceeded
