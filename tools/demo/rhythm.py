"""How busy each hour is: rush hours, quiet nights, and Fridays, when offices and schools are closed."""

from __future__ import annotations

from datetime import datetime

WORKDAY = (6, 4, 3, 2, 3, 8, 24, 50, 94, 100, 64, 46, 48, 50, 46, 52, 70, 104, 112, 98, 70, 48, 30, 14)
FRIDAY = (9, 6, 3, 2, 2, 4, 8, 14, 22, 30, 36, 40, 24, 28, 36, 40, 46, 50, 52, 48, 42, 34, 24, 14)
SATURDAY = 0.8
"""Relative to a workday: schools are closed, shops are open."""

IS_FRIDAY, IS_SATURDAY = 4, 5
FEWEST = 0.35
DAY_S = 600.0
"""The length of a simulated day."""

FIRST_HOUR = 7.5
"""The simulated day begins before the morning rush, so that there is something to see."""


def weight(local: datetime) -> float:
    """The relative number of visits in this local hour."""
    if local.weekday() == IS_FRIDAY:
        return FRIDAY[local.hour]
    return WORKDAY[local.hour] * (SATURDAY if local.weekday() == IS_SATURDAY else 1)


def simulated_hour(elapsed_s: float) -> float:
    """The hour of the simulated day, 0 to 24."""
    return (FIRST_HOUR + elapsed_s * 24 / DAY_S) % 24


def crowd(elapsed_s: float) -> float:
    """The share of the crowd that is present, from FEWEST to 1, changing smoothly between hours."""
    hour = simulated_hour(elapsed_s)
    now, part = int(hour), hour % 1
    busy = WORKDAY[now] * (1 - part) + WORKDAY[(now + 1) % 24] * part
    return FEWEST + (1 - FEWEST) * busy / max(WORKDAY)
