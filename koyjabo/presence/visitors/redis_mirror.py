"""What one worker knows of who is active in a scope it shares with others: the last census from Redis, and guesses.

A touch is shown at once, as a guess of what Redis will say when it has heard of it. Guesses are kept as a sum, and
each goes out of it when a census that Redis gave after hearing of that touch takes the place of the last one.

Workers tell each other the census they show. One with guesses in it must not be taken for Redis's word: the guess may
be wrong (the visitor is active on another worker), and the same visitors may be guessed twice on their way. So its
version is negative, smaller than every real one, and nobody ever adopts it. Real versions come from Redis alone, and
only one that is not older than the last is adopted: all workers come to show what Redis says, and a wrong guess lives
until this worker's next answer from Redis.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count, takewhile

from koyjabo.network.geolocation import OTHER, largest
from koyjabo.presence.visitors.active_visitors import Census
from koyjabo.presence.visitors.memory_store import NOBODY


@dataclass(frozen=True, slots=True, eq=False)
class Touch:
    """A sign of life that Redis has not confirmed."""

    visitor_id: str
    place: str | None  # what Redis is told; None leaves it as it is
    seen_ms: int  # of `Clock.elapsed_ms`
    before: str | None = None  # where Redis counts them now, as far as this worker knows; None: nowhere
    after: str | None = None  # where Redis will count them; None: that cannot be told, so nothing is guessed


class Mirror:
    """One scope. The caller sees to it that one method runs at a time."""

    def __init__(self, now_ms: int) -> None:
        self.snapshot = NOBODY
        self.told = NOBODY  # what others in this worker have been told last
        self.contact_ms = now_ms  # when Redis was last heard of
        self.wanted_ms = now_ms  # when somebody here was last interested
        self.born = 0  # which data of Redis the snapshot is from; 0 while there are none
        self.everybody_again = False
        self.waiting: dict[str, Touch] = {}  # those who were seen first come first
        self._guesses: Counter[str] = Counter()
        self._shown: Census | None = NOBODY
        self._alone = (NOBODY, NOBODY)
        self._numbers = count(1)

    def touch(self, visitor_id: str, place: str | None, known_in: str | None, now_ms: int) -> None:
        """A visitor was seen, whom this worker knew to be active in `known_in`, or did not know (None)."""
        self.wanted_ms = now_ms
        earlier = self.waiting.pop(visitor_id, None)
        if earlier is None:
            touch = Touch(visitor_id, place, now_ms, known_in, place or known_in)
        else:
            self._guess(earlier, -1)
            touch = replace(earlier, place=place or earlier.place, seen_ms=now_ms, after=place or earlier.after)
        self.waiting[visitor_id] = touch
        self._guess(touch, 1)

    def forget(self, visitor_id: str) -> None:
        """Give up a touch that waits."""
        touch = self.waiting.pop(visitor_id, None)
        if touch is not None:
            self._guess(touch, -1)

    def confirm(self, sent: Iterable[Touch], census: Census, now_ms: int) -> None:
        """Redis has heard of the touches in `sent`, and this is what it said afterwards."""
        for touch in sent:
            newer = self.waiting.get(touch.visitor_id)
            if newer is None:
                continue  # it was given up as too late
            self._guess(newer, -1)
            if newer is touch:
                del self.waiting[touch.visitor_id]
            else:
                self.waiting[touch.visitor_id] = newer = replace(newer, before=touch.after or newer.after)
                self._guess(newer, 1)
        self.contact_ms = now_ms
        # Meanwhile another worker may have told a newer one. An equal version is the same count, unless what we have
        # is from before Redis lost its data: then again Redis is right.
        if census.version >= self.snapshot.version and census != self.snapshot:
            self._adopt(census)

    def learn(self, census: Census, now_ms: int) -> None:
        """Another worker says what Redis told it."""
        if census.version > self.snapshot.version:
            self.contact_ms = now_ms
            self._adopt(census)

    def drop_late(self, before_ms: int) -> None:
        """Give up touches of visitors who were last seen before that: Redis was away until they were gone."""
        late = takewhile(lambda touch: touch.seen_ms <= before_ms, self.waiting.values())
        for touch in list(late):
            self.forget(touch.visitor_id)

    def census(self) -> Census:
        """The snapshot and the guesses; the same object while neither changes."""
        if self._shown is None:
            self._shown = self._with_guesses() if self._guesses else self.snapshot
        return self._shown

    def alone(self, own: Census) -> Census:
        """What this worker counts without Redis, for nobody else to adopt."""
        if self._alone[0] is not own:
            self._alone = (own, Census(-next(self._numbers), own.places))
        return self._alone[1]

    def _with_guesses(self) -> Census:
        places = dict(self.snapshot.places)
        for place, change in self._guesses.items():
            counted_in = OTHER if change < 0 and place not in places else place
            places[counted_in] = places.get(counted_in, 0) + change
        positive = {place: visitors for place, visitors in places.items() if visitors > 0}
        return Census(-next(self._numbers), largest(positive))

    def _adopt(self, census: Census) -> None:
        self.snapshot = census
        self._shown = None

    def _guess(self, touch: Touch, sign: int) -> None:
        """Add a touch to the guesses, or take it out of them (-1)."""
        if touch.after is None or touch.after == touch.before:
            return
        self._shown = None
        for place, change in ((touch.after, sign), (touch.before, -sign)):
            if place is not None:
                self._guesses[place] += change
                if not self._guesses[place]:
                    del self._guesses[place]
