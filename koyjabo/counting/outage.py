"""A period when commits fail: since when, and why."""

import logging
import time
from typing import NamedTuple

from koyjabo.base.database.outage_causes import cause_of, reason_of

log = logging.getLogger(__name__)

FAILED_LATELY_S = 10.0
"""How long a failed commit counts as a current failure, s. If it counted forever, a load balancer that avoids the
worker would never send it the visit that would show its recovery.
"""


class Writer(NamedTuple):
    """The state of the commit queue."""

    waiting: int  # uncommitted visits
    oldest_s: float  # how long the first of them has waited
    has_failed: bool  # a commit failed within the last FAILED_LATELY_S, and none has succeeded since
    failing_since: float | None  # when the first failed visit arrived, monotonic s; None after a success
    failed_at: float  # time of the latest failure, monotonic s; 0.0 before the first
    cause: str = ""  # one of `outage_causes.OUTAGE_CAUSES`; "" if unknown


class Outage:
    """The failing commits of this worker."""

    def __init__(self) -> None:
        self._since: float | None = None  # monotonic s, like `_failed_at`
        self._failed_at = 0.0
        self._cause = ""

    def writer(self, waiting: int, oldest_s: float) -> Writer:
        lately = time.monotonic() - self._failed_at < FAILED_LATELY_S
        has_failed = self._since is not None and lately
        return Writer(
            waiting=waiting,
            oldest_s=oldest_s,
            has_failed=has_failed,
            failing_since=self._since,
            failed_at=self._failed_at,
            cause=self._cause,
        )

    def failed(self, error: Exception, came_at: float) -> None:
        """Record a failed commit. `came_at` is when its first visit arrived, monotonic s. Logs the first failure."""
        self._failed_at = time.monotonic()
        self._cause = cause_of(error.__cause__ or error) or self._cause
        if self._since is None:
            self._since = came_at
            log.error("ledger_unavailable cause=%r", reason_of(error))

    def succeeded(self) -> None:
        """Record a successful commit. Logs the first one after a failure."""
        if self._since is not None:
            self._since, self._cause = None, ""
            log.warning("ledger_recovered")
