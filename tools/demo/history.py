"""What was before the first performance: two weeks of visits, and communities that grew meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from demo import rhythm
from demo.backdated import Chronicle, NewVisit
from demo.founding import Founding
from demo.population import Population
from koyjabo.models import Scope

DAYS = 14
GROWTH = 0.75
"""How much of the last day's visits there were on the first."""

VISITS = 1.65
"""For each of the weights of `rhythm`: some 20,000 in all."""

BATCH = 1000
RUSH_HOUR = 18
HOUR, MS = timedelta(hours=1), timedelta(milliseconds=1)


def begins(now: datetime) -> datetime:
    """Midnight, two weeks ago."""
    return (now - timedelta(days=DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)


class Past:
    """Visits as they would have come, hour by hour until `now`; `founding` goes on meanwhile."""

    def __init__(self, chronicle: Chronicle, founding: Founding, now: datetime) -> None:
        self._chronicle = chronicle
        self._founding = founding
        self._now = now
        self._dice = Random(10)
        self._population = Population(founding, self._dice)
        self._waiting: list[NewVisit] = []
        self._written = 0

    def write(self) -> int:
        """How many visits were written. It ends early when somebody else registers one."""
        for hour in self._hours():
            if (len(self._waiting) >= BATCH or self._founding.is_due(_ms(hour))) and not self._flush():
                break
            self._founding.go_on(_ms(hour))
            self._waiting += self._visits(hour)
            self._note_peaks(hour)
        else:
            self._flush()
        return self._written

    def _flush(self) -> bool:
        """False when somebody else has come."""
        if not self._chronicle.register(self._waiting, self._written):
            return False
        self._written += len(self._waiting)
        self._waiting = []
        return True

    def _hours(self) -> Iterator[datetime]:
        """Their beginnings, in local time; in between, clocks may have been changed."""
        hour = begins(self._now).astimezone(UTC)
        while hour <= self._now:
            yield hour.astimezone(self._now.tzinfo)
            hour += HOUR

    def _visits(self, hour: datetime) -> list[NewVisit]:
        age = (self._now - hour) / timedelta(days=DAYS)
        expected = rhythm.weight(hour) * VISITS * (1 - (1 - GROWTH) * age) * self._dice.uniform(0.9, 1.1)
        until_ms = _ms(self._now)
        times = sorted(_ms(hour) + self._dice.randrange(HOUR // MS) for _ in range(round(expected)))
        return [self._population.visit(at_ms) for at_ms in times if at_ms <= until_ms]

    def _note_peaks(self, hour: datetime) -> None:
        """In the rush hour most members are there at once, for a moment."""
        if hour.hour == RUSH_HOUR:
            self._chronicle.now_ms = _ms(hour)
            for community_id, members in self._founding.sizes().items():
                self._chronicle.peaks.note(Scope(community_id), round(members * self._dice.uniform(0.4, 0.8)))


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
