"""Writes the past before the first run: visits hour by hour, and growing communities."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from demo import rhythm
from demo.backdated import Backdated
from demo.founding import Founding
from demo.population import Population
from koyjabo.base.models import SITE, Scope
from koyjabo.counting.records import NewVisit

FEWEST_DAYS, DAYS, MOST_DAYS = 14, 60, 400
GROWTH_DAYS = 120.0
"""Visits double in this many days."""

VISITS = 1.65
"""Visits per unit of weight in `rhythm` on the last day: some 1,700 on a workday."""

SEED = 10
"""The past depends only on this seed, its length and its end."""

RUSH_HOUR = 18
TUESDAY, SWARM_HOUR, SWARM = 1, 3, 300
"""A swarm of bots comes on the last Tuesday before today, at this hour and with this many visits."""

HOUR, MS = timedelta(hours=1), timedelta(milliseconds=1)


def begins(now: datetime, days: int) -> datetime:
    """Midnight, `days` ago."""
    return (now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)


def write(backdated: Backdated, founding: Founding, now: datetime, days: int) -> int:
    """Write the visits of the last `days` until `now`, local time, into an empty ledger. Returns the number written.

    Stops early if another program registers a visit.
    """
    dice = Random(SEED)
    population = Population(founding, now, dice)
    written = 0
    for hour in _hours(now, days):
        founding.advance(ms(hour))
        drawn = [*map(population.visit, _times(hour, now, dice)), *_swarm(population, hour, now, dice)]
        visits = sorted((visit for visit in drawn if visit is not None), key=lambda visit: visit.at_ms)
        if not backdated.register(visits, after=written):
            break
        backdated.record([event for visit in visits for event in population.events(visit) if event.at_ms <= ms(now)])
        written += len(visits)
        if hour.hour == RUSH_HOUR:
            _record_peaks(backdated, founding, hour, len(visits), dice)
    return written


def _hours(now: datetime, days: int) -> Iterator[datetime]:
    """The starts of all hours, in local time. Counted in UTC, because local clocks may change."""
    hour = begins(now, days).astimezone(UTC)
    while hour <= now:
        yield hour.astimezone(now.tzinfo)
        hour += HOUR


def _times(hour: datetime, now: datetime, dice: Random) -> list[int]:
    """Times of the visits in this hour, ms since 1970, in order."""
    growth = 0.5 ** ((now - hour) / timedelta(days=GROWTH_DAYS))
    expected = rhythm.weight(hour) * VISITS * growth * dice.uniform(0.9, 1.1)
    times = sorted(ms(hour) + dice.randrange(HOUR // MS) for _ in range(round(expected)))
    return [at_ms for at_ms in times if at_ms <= ms(now)]


def _swarm(population: Population, hour: datetime, now: datetime, dice: Random) -> Iterator[NewVisit]:
    age_days = (now.date() - hour.date()).days
    if (hour.weekday(), hour.hour) == (TUESDAY, SWARM_HOUR) and 1 <= age_days <= 7:
        for _ in range(SWARM):
            yield population.bot(ms(hour) + dice.randrange(HOUR // MS))


def _record_peaks(backdated: Backdated, founding: Founding, hour: datetime, visits: int, dice: Random) -> None:
    """Record a day's peaks: in the rush hour, most members are online and most people are active."""
    backdated.now_ms = ms(hour)
    backdated.peaks.record(SITE, round(visits * dice.uniform(0.2, 0.3)))
    for community_id, members in founding.sizes().items():
        backdated.peaks.record(Scope(community_id), round(members * dice.uniform(0.4, 0.8)))


def ms(moment: datetime) -> int:
    """ms since 1970 UTC, rounded down to a second."""
    return int(moment.timestamp()) * 1000
