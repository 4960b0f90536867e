"""The counter as the specification defines it, in a few dictionaries, to compare with the real one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, time as time_of_day, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from support.application.site import Time

SITE = "site"
AFTER_MS, BEFORE_MS = 3_600_000, 60_000
"""An anonymous visitor's name for a day is valid from BEFORE_MS before the day to AFTER_MS after it."""


def local_day(at_ms: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_ms // 1000, zone).date().isoformat()


def next_midnight_ms(at_ms: int, zone: ZoneInfo) -> int:
    tomorrow = datetime.fromtimestamp(at_ms // 1000, zone).date() + timedelta(days=1)
    return int(datetime.combine(tomorrow, time_of_day(), zone).timestamp()) * 1000


@dataclass
class Model:
    zone: ZoneInfo
    window_ms: int
    total: int
    communities: set[str]
    ordinals: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # (ordinal, number in the day)
    days: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)  # by scope
    visitors: dict[str, set[str]] = field(default_factory=lambda: {SITE: set()})
    seen: dict[str, int] = field(default_factory=dict)
    visits: list[tuple[str, int]] = field(default_factory=list)  # (visitor, wall clock in ms)

    def register(self, visitor: str, visit: str | None, scope: str, time: Time) -> tuple[int, int, bool] | None:
        """(ordinal, number in its day, duplicate), or None if the community is unknown."""
        known = self.ordinals.get((visitor, visit)) if visit else None
        if known is None and scope not in {SITE, *self.communities}:
            return None
        self._see(visitor, time)
        if known is not None:
            return *known, True
        self.total += 1
        self.visits.append((visitor, time.ms))
        day = local_day(time.ms, self.zone)
        self.days[day] += 1
        for name in {SITE, scope}:
            self.rows[name] += 1
            self.visitors.setdefault(name, set()).add(visitor)
        if visit:
            self.ordinals[visitor, visit] = self.total, self.days[day]
        return self.total, self.days[day], False

    def names(self, visitor: str, time: Time) -> list[str]:
        """Possible names of an anonymous visitor: today's and, shortly before or after midnight, the adjacent day's."""
        days = [local_day(time.ms + ms, self.zone) for ms in (0, -AFTER_MS, BEFORE_MS)]
        return [f"{visitor} on {day}" for day in dict.fromkeys(days)]

    def register_anonymously(
        self, visitor: str, visit: str | None, scope: str, time: Time
    ) -> tuple[int, int, bool] | None:
        today, *others = self.names(visitor, time)
        counted = [name for name in (today, *others) if visit and (name, visit) in self.ordinals]
        if not counted:
            return self.register(today, visit, scope, time)
        self._forget_the_gone(time)
        self._see(next((name for name in (today, *others) if name in self.seen), today), time)
        return *self.ordinals[counted[0], str(visit)], True

    def heartbeat_anonymously(self, visitor: str, time: Time) -> bool:
        names = self.names(visitor, time)
        return self.heartbeat(next((name for name in names if name in self.visitors[SITE]), names[0]), time)

    def heartbeat(self, visitor: str, time: Time) -> bool:
        if visitor in self.visitors[SITE]:
            self._see(visitor, time)
        return visitor in self.visitors[SITE]

    def set_total(self, total: int, new_epoch: bool) -> bool:
        allowed = new_epoch or total >= self.total
        self.total = total if allowed else self.total
        return allowed

    def restart(self, time: Time) -> None:
        """Keep only the latest visits, back to the first one older than the window, as a server does after a
        restart.
        """
        self.seen.clear()
        recent = takewhile(lambda visit: visit[1] > time.ms - self.window_ms, reversed(self.visits))
        for visitor, at_ms in sorted(recent, key=lambda visit: visit[1]):
            self.seen[visitor] = time.elapsed_ms() - time.ms + min(at_ms, time.ms)

    def numbers(self, time: Time) -> dict[str, int]:
        self._forget_the_gone(time)
        return {
            "totalVisitors": self.total,
            "totalVisits": self.total,
            "todayVisits": self.days[local_day(time.ms, self.zone)],
            "activeUsers": len(self.seen),
            "uniqueVisitors": len(self.visitors[SITE]),
        }

    def _see(self, visitor: str, time: Time) -> None:
        self.seen.pop(visitor, None)
        self.seen[visitor] = time.elapsed_ms()

    def _forget_the_gone(self, time: Time) -> None:
        gone = time.elapsed_ms() - self.window_ms
        self.seen = {visitor: seen_ms for visitor, seen_ms in self.seen.items() if seen_ms > gone}
