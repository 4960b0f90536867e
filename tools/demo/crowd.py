"""The crowd: as many people as the hour brings, each in a thread of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from http.client import HTTPException

from demo import rhythm, visitor_lives
from demo.cast import Member
from demo.pages import LOST
from demo.plans import COMMUNITIES, Plan
from demo.site import Refusal
from demo.stage import Scene
from demo.visitor_lives import Key

FAILURES = (*LOST, Refusal, HTTPException, ValueError)
"""They end somebody's visit, and nothing else: the server may be started again meanwhile."""

BEAT_S = 0.4
"""One comes at a time."""

OF_MEMBERS, TO_COMMUNITIES = 0.4, 0.35
CONVERSION_S, TELL_S = 40.0, 15.0
LEAVE_S = 10.0
OPEN = [plan for plan in COMMUNITIES if plan.is_open]


class Crowd:
    """At most `most` people. `communities` has the ids by name, and `keys` whoever may log in."""

    def __init__(self, scene: Scene, most: int, communities: Mapping[str, str], keys: Mapping[Member, Key]) -> None:
        self._scene = scene
        self._most = most
        self._communities = communities
        self._keys = keys
        self._idle = list(keys)
        self._people: set[threading.Thread] = set()
        self._converted_at = time.monotonic()

    def play(self, how_long_s: float, tell: Callable[[str], None]) -> None:
        """Until that has passed."""
        began = told_at = time.monotonic()
        while time.monotonic() - began < how_long_s:
            time.sleep(BEAT_S)
            self._people = {each for each in self._people if each.is_alive()}
            if len(self._people) < self._most * rhythm.crowd(time.monotonic() - began):
                self._send_in(self._next())
            if time.monotonic() - told_at >= TELL_S:
                told_at = time.monotonic()
                tell(self._news(rhythm.hour_on_stage(told_at - began)))

    def _next(self) -> Callable[[], None]:
        """What the next one does."""
        if self._idle and self._scene.happens(OF_MEMBERS):
            return partial(self._attend, self._idle.pop(self._scene.dice.randrange(len(self._idle))))
        if time.monotonic() - self._converted_at > CONVERSION_S and (community_id := self._community(OPEN)):
            self._converted_at = time.monotonic()
            return partial(visitor_lives.convert, self._scene, community_id)
        return partial(visitor_lives.stroll, self._scene, self._community(COMMUNITIES, TO_COMMUNITIES))

    def _community(self, plans: Sequence[Plan], share: float = 1.0) -> str | None:
        """The id of one of these, by how many go there, for this share of those who ask."""
        here = [plan for plan in plans if plan.name in self._communities]
        if not here or not self._scene.happens(share):
            return None
        (plan,) = self._scene.dice.choices(here, [plan.share for plan in here])
        return self._communities[plan.name]

    def _attend(self, member: Member) -> None:
        try:
            visitor_lives.attend(self._scene, member, self._keys[member], self._communities[member.community])
        finally:
            self._idle.append(member)

    def _send_in(self, what: Callable[[], None]) -> None:
        def live() -> None:
            with suppress(*FAILURES):
                what()

        person = threading.Thread(target=live, daemon=True)
        self._people.add(person)
        person.start()

    def _news(self, hour: float) -> str:
        here = f"{int(hour):02}:{int(hour % 1 * 60):02}  {len(self._people):>3} people here"
        try:
            stats = self._scene.site.call("GET", "/api/stats")
            return f"{here}, {stats['activeUsers']:>3} active, {stats['totalVisits']:,} visits"
        except FAILURES:
            return f"{here}, and the server does not answer"

    def leave(self) -> None:
        """Everybody closes what they have open; members log out."""
        self._scene.leaving.set()
        until = time.monotonic() + LEAVE_S
        for person in self._people:
            person.join(max(0.0, until - time.monotonic()))
        for key in self._keys.values():
            with suppress(*FAILURES):
                key.give_back()
