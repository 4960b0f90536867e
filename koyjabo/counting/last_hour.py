"""A scope's visits over time: the last 60 minutes by minute, updated from new rows only, and past hours and days, read
from the stored sums.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from koyjabo.base.core.clock import MINUTE_MS, Clock, shifted
from koyjabo.base.core.runtime import without_queueing
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import SITE, Scope
from . import queries
from .queries import BEFORE, ReachedMilestone, Visited
from .stats import Stats, base36
from .visits import Visits

DAYS = 30
"""Number of days in a history, including the current one."""


class History:
    """Past days, from the stored sums. Raises LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def last_days(self) -> list[Visited]:
        """The last 30 days of the site, including those without visits, oldest first."""
        today = self._clock.today()
        days = [shifted(today, -ago) for ago in reversed(range(DAYS))]
        visited = self._database.read(queries.visits_by_day, SITE, days[0], days[-1])
        return [visited.get(day, Visited()) for day in days]

    def last_milestone(self, began_ms: int = 0) -> ReachedMilestone | None:
        """The site's last milestone since `began_ms`."""
        return self._database.read(queries.last_milestone, began_ms)


MINUTES = 60

MAX_SCOPES = 500
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
            after, earlier = queries.ids_before(session, first * MINUTE_MS), {}
        new = queries.minute_counts(session, self._scope, after, first * MINUTE_MS)
        self._epoch = epoch
        self._after, self._read_ms = max([after, *(count.newest for count in new)]), now_ms
        minutes = {minute: visits for minute, visits in earlier.items() if minute >= first}
        for minute, has_account, visits, _ in sorted(new):
            with_account, anonymous = minutes.get(minute, Minute())
            added = (visits, 0) if has_account else (0, visits)
            minutes[minute] = Minute(with_account + added[0], anonymous + added[1])
        minutes.pop(BEFORE, None)
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
        if len(self._hours) > MAX_SCOPES:
            self._hours.popitem(last=False)
        return self._database.read(hour.read, self._clock.now_ms())


class PulseSample(NamedTuple):
    """The stats of a response, and the minute (since 1970) they were read in."""

    stats: Stats
    minute: int

    @property
    def tag(self) -> str:
        return f"{base36(self.stats.epoch)}-{self.stats.revision}-{self.minute}"


class Pulse:
    """The site's public last hour (specification: What is going on). Reads only new rows. Concurrent requests share a
    read.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, visits: Visits) -> None:
        self._database = database
        self._clock = clock
        self._visits = visits
        self._hour = LastHour(SITE)  # of this epoch
        self._read: tuple[tuple[int, int, int], Mapping[int, Minute]] | None = None
        self._lock = threading.Lock()  # one read at a time

    def now(self) -> PulseSample:
        """The current minute, with stats read in it, so that both belong to the same day."""
        while True:
            minute, stats = self._clock.now_ms() // MINUTE_MS, self._visits.stats()
            if minute == self._clock.now_ms() // MINUTE_MS:
                return PulseSample(stats, minute)

    def hour(self, moment: PulseSample) -> Sequence[int]:
        """The visits of the last 60 minutes, the current one last. Raises LedgerUnavailable."""
        minutes = self._minutes(moment)
        return [sum(minutes.get(minute, ())) for minute in range(moment.minute - MINUTES + 1, moment.minute + 1)]

    def _minutes(self, moment: PulseSample) -> Mapping[int, Minute]:
        key = moment.stats.epoch, moment.stats.total, moment.minute
        with without_queueing(), self._lock:
            if self._read is None or self._read[0] != key:
                run = self._database.read
                if self._read is None or self._read[0][0] != moment.stats.epoch:  # or a backup was restored
                    # A whole hour has to be counted, and other reads must not wait for that.
                    self._hour, run = LastHour(SITE), self._database.report
                self._read = (key, run(self._hour.read, moment.minute * MINUTE_MS))
            return self._read[1]
