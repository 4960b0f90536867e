"""A scope's visits in the last 60 minutes by minute, updated from new rows only."""

from collections import OrderedDict
from typing import Any, NamedTuple

from koyjabo.base.core.clock import MINUTE_MS, Clock
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import Scope
from . import queries
from .queries import EARLIER_KEY

MINUTES = 60

MAX_CACHED_SCOPES = 500
"""Number of communities whose minutes are cached. For other communities, a dashboard counts the minutes again."""


class Minute(NamedTuple):
    """The visits of a minute, with and without an account."""

    with_account: int = 0
    anonymous: int = 0


class LastHour:
    """The minutes of one scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._after: int | None = None  # newest id counted so far; None before the first read
        self._epoch = 0  # ms
        self._read_ms = 0
        self._minutes: dict[int, Minute] = {}

    def read(self, session: Any, now_ms: int) -> dict[int, Minute]:
        """Visits by minute since 1970, up to the current minute. Minutes without visits are left out. This is a
        database operation; its thread runs one at a time.
        """
        first = now_ms // MINUTE_MS - MINUTES + 1
        after, earlier, epoch = self._after, self._minutes, queries.epoch(session)
        if after is None or self._read_ms < first * MINUTE_MS or epoch != self._epoch:
            # All visits read earlier are more than an hour old, or their ids may have been reused after a restore or a
            # rollback.
            after, earlier = queries.id_range(session, first * MINUTE_MS, None)[0], {}
        new = queries.minute_counts(session, self._scope, after, first * MINUTE_MS)
        self._epoch = epoch
        self._after, self._read_ms = max([after, *(count.newest for count in new)]), now_ms
        minutes = {minute: visits for minute, visits in earlier.items() if minute >= first}
        for minute, has_account, visits, _ in sorted(new):
            with_account, anonymous = minutes.get(minute, Minute())
            added = (visits, 0) if has_account else (0, visits)
            minutes[minute] = Minute(with_account + added[0], anonymous + added[1])
        minutes.pop(EARLIER_KEY, None)
        self._minutes = minutes  # replaced, not changed: readers may still hold the previous one
        return minutes


class LastHours:
    """The minutes of communities, by scope."""

    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._hours: OrderedDict[Scope, LastHour] = OrderedDict()

    def minutes(self, scope: Scope) -> dict[int, Minute]:
        """The minutes of a scope, up to now. Raises LedgerUnavailable."""
        hour = self._hours.pop(scope, None) or LastHour(scope)
        self._hours[scope] = hour
        if len(self._hours) > MAX_CACHED_SCOPES:
            self._hours.popitem(last=False)
        return self._database.read(hour.read, self._clock.now_ms())
