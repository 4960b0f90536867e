"""The site's past days."""

from koyjabo.base.core.clock import Clock, shifted
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import SITE
from . import milestone_queries, queries
from .milestone_queries import ReachedMilestone
from .queries import Visited

HISTORY_DAYS = 30
"""Number of days in a history, including the current one."""


class History:
    """Reads stored sums. Raises LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def last_days(self) -> list[Visited]:
        """The last 30 days of the site, including those without visits, oldest first."""
        today = self._clock.today()
        days = [shifted(today, -ago) for ago in reversed(range(HISTORY_DAYS))]
        visited = self._database.read(queries.visits_by_day, SITE, days[0], days[-1])
        return [visited.get(day, Visited()) for day in days]

    def last_milestone(self, began_ms: int = 0) -> ReachedMilestone | None:
        """The site's last milestone since `began_ms`."""
        return self._database.read(milestone_queries.last_milestone, began_ms)
