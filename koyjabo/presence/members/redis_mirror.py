"""What one worker knows of who is here in a scope it shares with others: Redis's last word, and guesses.

While Redis answers, its word is all that counts: whoever opens a tab here may have one on another worker, and nobody
shall be seen to come and go for that. Only when it does not answer this worker adds its own arrivals and departures by
a guess. Those on other workers it goes on counting, however long that lasts: that Redis is away says nothing about
them, and to tell everybody that they left, and came back, would be wrong twice.

When Redis is back after more than half a lease, or has lost its data, the other workers need a moment to say again
whom they hold. In that moment it is believed only when it says more than what is shown.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from koyjabo.clock import Clock
from koyjabo.presence.members.online_members import Online
from koyjabo.presence.members.redis_script import GONE, LEASE_S, Answer, Said

REJOIN_MS = 2000
RENEW_MS = LEASE_S * 1000 // 2
FRESH_MS = 1500
LONG_AGO = -(10**12)


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Redis has not confirmed it; two of them are the same only if they are one."""

    is_held: bool


Sent = tuple[Said, Change | None, bool]
"""What was said, the change it is about (None: a lease renewed), whether another worker holds a place for them, too."""


class HoldsMirror:
    """One scope. The caller sees to it that one method runs at a time."""

    def __init__(self, clock: Clock, newest_version: int) -> None:
        self.online = Online(newest_version, 0, is_guess=True)
        self.waiting: dict[str, Change] = {}
        self.waiting_since_ms = LONG_AGO
        self.wanted_ms = clock.elapsed_ms()  # when somebody here was last interested
        self.renewed_ms = LONG_AGO  # when all own leases were said last
        self.contact_ms = LONG_AGO  # when Redis was last heard of
        self.born = 0  # which data of Redis the count is from; 0 while there are none
        self.is_guessing = False
        self.answered = threading.Event()  # set by the next answer, and then replaced
        self._clock = clock
        self._patient_until_ms = LONG_AGO
        self._said: set[str] = set()  # own people who are in the count
        self._elsewhere: set[str] = set()  # those of them whom others hold, too, as far as is known
        self._count, self._version = 0, 0  # Redis's word
        self._guessed = 0  # what the changes that wait would add to it

    @property
    def was_answered(self) -> bool:
        return self.contact_ms != LONG_AGO

    @property
    def is_fresh(self) -> bool:
        """Redis was heard of a moment ago: where something looks every second, always."""
        return self.was_answered and self._clock.elapsed_ms() - self.contact_ms <= FRESH_MS

    @property
    def seen_version(self) -> int:
        """What Redis has to go on from, so that its word is newer than what is shown: a guess must give way."""
        version = self.online.version
        return version + 1 if version and self.online.is_guess else version

    @property
    def is_stale(self) -> bool:
        """Redis's word has come, but not with a version that is newer than the guess it takes the place of."""
        return self.online.is_guess and not self.is_guessing

    def change(self, person: str, is_held: bool) -> None:
        """What this worker holds has changed; Redis is to be told."""
        if not self.waiting:
            self.waiting_since_ms = self._clock.elapsed_ms()
        self._guessed -= self._guess(person)
        self.waiting[person] = Change(is_held)
        self._guessed += self._guess(person)
        if self.is_guessing:
            self._show()

    def guess(self) -> None:
        """Redis does not answer: show what this worker knows itself, until it does."""
        self.is_guessing = True
        self._show()

    def leases_after(self, sent: Iterable[Sent]) -> int:
        """How many leases of this worker Redis ought to have when it has heard of all that was sent."""
        is_held = {said.person: said.lines != GONE for said, _, _ in sent}
        return len(self._said) + sum(held - (person in self._said) for person, held in is_held.items())

    def answer(self, sent: Iterable[Sent], answer: Answer, has_lost: bool) -> None:
        """Redis has heard of all that was sent (again, if it had lost any), and this is what it said afterwards."""
        shown = self._count + self._guessed
        self._confirm(sent)
        self._look_back(answer, has_lost)
        if self._is_patient() and answer.people < shown:
            self._count = shown - self._guessed
            self.is_guessing = True
        elif answer.version >= self._version:
            self._count, self._version = answer.people, answer.version
            self.is_guessing = self.is_guessing and bool(self.waiting)
        self._show()
        self.answered.set()
        self.answered = threading.Event()

    def learn(self, online: Online) -> None:
        """Another worker says what Redis told it."""
        if self._is_patient() and online.count < self.online.count:
            return
        if online.version > max(self._version, self.online.version):
            self._count, self._version = online.count, online.version
            self._show()

    def _look_back(self, answer: Answer, has_lost: bool) -> None:
        now_ms = self._clock.elapsed_ms()
        if has_lost or self._was_away() or (self.born and answer.born != self.born):
            self._patient_until_ms = now_ms + REJOIN_MS
        self.contact_ms, self.born = now_ms, answer.born

    def _was_away(self) -> bool:
        return self.was_answered and self._clock.elapsed_ms() - self.contact_ms > RENEW_MS

    def _is_patient(self) -> bool:
        return self._was_away() or self._clock.elapsed_ms() < self._patient_until_ms

    def _confirm(self, sent: Iterable[Sent]) -> None:
        for said, change, is_elsewhere in sent:
            person = said.person
            self._guessed -= self._guess(person)
            if change and self.waiting.get(person) is change:
                del self.waiting[person]
            _put(self._said, person, said.lines != GONE)
            _put(self._elsewhere, person, said.lines != GONE and is_elsewhere)
            self._guessed += self._guess(person)

    def _guess(self, person: str) -> int:
        """What the change of theirs that waits would add to the count."""
        change = self.waiting.get(person)
        if change is None:
            return 0
        if change.is_held:
            return int(person not in self._said)
        return -int(person in self._said and person not in self._elsewhere)

    def _show(self) -> None:
        if not self.is_guessing:
            if self._version >= self.seen_version:
                self.online = Online(self._version, self._count)
            return
        count = max(0, self._count + self._guessed)
        if count != self.online.count:
            self.online = Online(max(self.online.version + 1, self._clock.now_ms()), count, is_guess=True)


def _put(people: set[str], person: str, belongs: bool) -> None:
    if belongs:
        people.add(person)
    else:
        people.discard(person)
