"""The periods that a report can be divided into."""

from datetime import date

from koyjabo.base.core.clock import shifted

HOUR_MS = 3_600_000

MINUTE, HOUR, DAY, WEEK, MONTH = "minute", "hour", "day", "week", "month"
GRANULARITIES = (MINUTE, HOUR, DAY, WEEK, MONTH)

PERIOD_KEYS = {name: f"by {name}" for name in GRANULARITIES}
"""The keys of groups by period. A dimension may be named `hour`, but not like these."""


def period_of(day: str, granularity: str) -> str:
    """Return the name of the period that contains a day: the day itself, the Monday of its week, or the first day of
    its month.
    """
    if granularity == WEEK:
        return shifted(day, -date.fromisoformat(day).weekday())
    return f"{day[:8]}01" if granularity == MONTH else day
