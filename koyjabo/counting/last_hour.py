"""The visits of the last 60 minutes by minute, kept up to date by reading only the rows that are new."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

from koyjabo.core.clock import MINUTE_MS, Clock
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.models import Scope
from koyjabo.visit_log.live import feed_queries
from koyjabo.visit_log.live.feed_queries import BEFORE

MINUTES = 60
MOST_SCOPES = 500
"""The communities whose minutes are remembered; those of others are counted again when a dashboard shows them."""


class Minute(NamedTuple):
    """The visits of a minute, with and without an account."""

    with_account: int = 0
    anonymous: int = 0


class LastHour:
    """The minutes of one scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._after: int | None = None  # the newest id that was taken in; None before the first read
        self._read_ms = 0
        self._minutes: dict[int, Minute] = {}

    def read(self, session: Any, now_ms: int) -> dict[int, Minute]:
        """By minute since 1970, up to the current one. Minutes without visits are left out.

        A database operation; its thread runs one at a time.
        """
        first = now_ms // MINUTE_MS - MINUTES + 1
        after, known = self._after, self._minutes
        if after is None or self._read_ms < first * MINUTE_MS or after > feed_queries.newest_id(session):
            # Nothing known is of this hour, or a backup with fewer visits was restored.
            after, known = feed_queries.before(session, first * MINUTE_MS), {}
        new = feed_queries.minutes(session, self._scope, after, first * MINUTE_MS)
        self._after, self._read_ms = max([after, *(each.newest for each in new)]), now_ms
        found = {minute: each for minute, each in known.items() if minute >= first}
        for minute, has_account, visits, _ in sorted(new):
            with_account, anonymous = found.get(minute, Minute())
            added = (visits, 0) if has_account else (0, visits)
            found[minute] = Minute(with_account + added[0], anonymous + added[1])
        found.pop(BEFORE, None)
        self._minutes = found  # a new object each time: readers may still have the last one
        return found


class LastHours:
    """The minutes of communities, by scope."""

    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._hours: OrderedDict[Scope, LastHour] = OrderedDict()

    def minutes(self, scope: Scope) -> dict[int, Minute]:
        """`LastHour.read`, as of now. Raises LedgerUnavailable."""
        hour = self._hours.pop(scope, None) or LastHour(scope)
        self._hours[scope] = hour
        if len(self._hours) > MOST_SCOPES:
            self._hours.popitem(last=False)
        return self._database.read(hour.read, self._clock.now_ms())
