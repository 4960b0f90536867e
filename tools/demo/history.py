"""Writes the two weeks before the first run: visits hour by hour, and communities that grow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from demo import rhythm
from demo.backdated import Backdated
from demo.founding import Founding
from demo.population import Population
from koyjabo.models import Scope

DAYS = 14
GROWTH = 0.75
"""The first day's visits, as a share of the last day's."""

VISITS = 1.65
"""Visits for each unit of weight in `rhythm`: some 20,000 in all."""

RUSH_HOUR = 18
HOUR, MS = timedelta(hours=1), timedelta(milliseconds=1)


def begins(now: datetime) -> datetime:
    """Midnight, two weeks ago."""
    return (now - timedelta(days=DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)


def write(backdated: Backdated, founding: Founding, now: datetime) -> int:
    """Write the visits until `now`, local time, into an empty ledger. Returns how many were written.

    Stops early when another program registers a visit.
    """
    dice = Random(10)
    population = Population(founding, dice)
    written = 0
    for hour in _hours(now):
        founding.advance(ms(hour))
        visits = [population.visit(at_ms) for at_ms in _times(hour, now, dice)]
        if not backdated.register(visits, after=written):
            break
        written += len(visits)
        if hour.hour == RUSH_HOUR:
            _record_peaks(backdated, founding, hour, dice)
    return written


def _hours(now: datetime) -> Iterator[datetime]:
    """The beginnings of all hours, local time; counted in UTC, because local clocks may change."""
    hour = begins(now).astimezone(UTC)
    while hour <= now:
        yield hour.astimezone(now.tzinfo)
        hour += HOUR


def _times(hour: datetime, now: datetime, dice: Random) -> list[int]:
    """When visits took place in this hour, ms since 1970, in order."""
    age = (now - hour) / timedelta(days=DAYS)
    expected = rhythm.weight(hour) * VISITS * (1 - (1 - GROWTH) * age) * dice.uniform(0.9, 1.1)
    times = sorted(ms(hour) + dice.randrange(HOUR // MS) for _ in range(round(expected)))
    return [at_ms for at_ms in times if at_ms <= ms(now)]


def _record_peaks(backdated: Backdated, founding: Founding, hour: datetime, dice: Random) -> None:
    """In the rush hour most members are online at once."""
    backdated.now_ms = ms(hour)
    for community_id, members in founding.sizes().items():
        backdated.peaks.record(Scope(community_id), round(members * dice.uniform(0.4, 0.8)))


def ms(moment: datetime) -> int:
    """ms since 1970 UTC, rounded down to a second."""
    return int(moment.timestamp()) * 1000
