"""The crowd: as many simultaneous visitors as the simulated hour has, each in a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from http.client import HTTPException

from demo import cast, rhythm, stage
from demo.cast import COMMUNITIES, Member, Plan
from demo.site import CONNECTION_ERRORS, Refusal
from demo.stage import Stage

FAILURES = (*CONNECTION_ERRORS, Refusal, HTTPException, ValueError)
"""Failures that end only one visitor's stay, because the server may be restarted."""

ARRIVAL_S = 0.4
"""Minimum time between two arrivals."""

MEMBERS, TO_COMMUNITIES = 0.4, 0.35
"""The share of members among arriving visitors, and the share of the others who visit a community."""

CONVERSION_S, REPORT_S = 40.0, 15.0
LEAVE_S = 10.0
OPEN = [plan for plan in COMMUNITIES if plan.is_open]


class Crowd:
    """Keeps up to `most` visitors on the site. `communities` maps names to ids."""

    def __init__(self, stage: Stage, most: int, communities: Mapping[str, str], password: str) -> None:
        self._stage = stage
        self._most = most
        self._communities = communities
        self._password = password
        self._away = [member for member in cast.MEMBERS if member.community in communities]
        self._people: set[threading.Thread] = set()
        self._converted_at = time.monotonic()

    def run(self, duration_s: float, report: Callable[[str], None]) -> None:
        began = reported_at = time.monotonic()
        while (elapsed_s := time.monotonic() - began) < duration_s:
            time.sleep(ARRIVAL_S)
            self._people = {person for person in self._people if person.is_alive()}
            if len(self._people) < self._most * rhythm.crowd(elapsed_s):
                self._begin(self._next())
            if time.monotonic() - reported_at >= REPORT_S:
                reported_at = time.monotonic()
                report(self._figures(rhythm.simulated_hour(elapsed_s)))

    def _next(self) -> Callable[[], None]:
        """The activity of the next visitor."""
        if self._away and self._stage.happens(MEMBERS):
            return partial(self._attend, self._away.pop(self._stage.dice.randrange(len(self._away))))
        if time.monotonic() - self._converted_at > CONVERSION_S and (community_id := self._community(OPEN)):
            self._converted_at = time.monotonic()
            return partial(stage.convert, self._stage, community_id)
        community_id = self._community(COMMUNITIES) if self._stage.happens(TO_COMMUNITIES) else None
        return partial(stage.visit, self._stage, community_id)

    def _community(self, plans: Sequence[Plan]) -> str | None:
        """The id of a random community, chosen by weight, or None if none exists."""
        existing = [plan for plan in plans if plan.name in self._communities]
        if not existing:
            return None
        (plan,) = self._stage.dice.choices(existing, [plan.weight for plan in existing])
        return self._communities[plan.name]

    def _attend(self, member: Member) -> None:
        try:
            stage.attend(self._stage, member, self._password, self._communities[member.community])
        finally:
            self._away.append(member)

    def _begin(self, life: Callable[[], None]) -> None:
        def live() -> None:
            with suppress(*FAILURES):
                life()

        person = threading.Thread(target=live, daemon=True)
        self._people.add(person)
        person.start()

    def _figures(self, hour: float) -> str:
        visitors = f"simulated time {int(hour):02}:{int(hour % 1 * 60):02}  {len(self._people):>3} visitors"
        try:
            stats = self._stage.site.call("GET", "/api/stats")
            return f"{visitors}, {stats['activeUsers']:>3} active, {stats['totalVisits']:,} visits"
        except FAILURES:
            return f"{visitors}; the server does not respond"

    def leave(self) -> None:
        """Close all pages, and log all members out."""
        self._stage.leaving.set()
        until = time.monotonic() + LEAVE_S
        for person in self._people:
            person.join(max(0.0, until - time.monotonic()))
