"""One worker's copy of a scope's online count: the last count from Redis, or an estimate.

While Redis responds, only its count is shown. A person who opens a tab here may already have one on another worker, and
must not appear to arrive or leave.

While Redis does not respond, this worker adds its own arrivals and departures to the last count, as an estimate. People
on other workers stay in the estimate however long the outage lasts, because an outage does not mean that they have
left.

When Redis comes back after an outage longer than half a lease, or has lost its data, the other workers need a moment to
send their leases again. During that moment, a count from Redis is adopted only if it is not lower than the count shown.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from koyjabo.base.core.clock import Clock
from .member_script_redis import MEMBER_LEASE_S, NO_CONNECTIONS, SyncReply
from .online_members import Online, OnlineMember

REJOIN_MS = 2000  # how long lower counts are ignored after Redis has come back
RENEW_LEASES_MS = MEMBER_LEASE_S * 1000 // 2
FRESH_REPLY_MS = 1500  # how long a reply counts as fresh: longer than the one second between refreshes
LONG_AGO_MS = -(10**12)

SentReport: TypeAlias = "tuple[OnlineMember, Change | None, bool]"
"""The report, the change it covers (None for a renewed lease), and whether another worker also has a lease for the
person.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A change that Redis has not confirmed. Compared by identity."""

    is_held: bool


class MemberMirror:
    """The copy for one scope. Not thread-safe: the caller must hold a lock around each method call."""

    def __init__(self, clock: Clock, newest_version: int) -> None:
        self.online = Online(newest_version, 0, is_estimate=True)
        self.unconfirmed: dict[str, Change] = {}
        self.unconfirmed_since_ms = LONG_AGO_MS
        self.last_used_ms = clock.elapsed_ms()  # when this worker last used the scope
        self.renewed_ms = LONG_AGO_MS  # when all of this worker's leases were last sent
        self.last_reply_ms = LONG_AGO_MS  # when Redis last replied
        self.born = 0  # identifies the data set in Redis that the count came from; 0 while Redis has none
        self.is_estimating = False
        self.answered = threading.Event()  # set by the next reply, then replaced
        self._clock = clock
        self._rejoin_until_ms = LONG_AGO_MS
        self._counted: set[str] = set()  # this worker's people who are included in the count
        self._elsewhere: set[str] = set()  # those who also had a lease from another worker in the last reply
        self._count, self._version = 0, 0  # from Redis
        self._estimated = 0  # what the unconfirmed changes add to the count

    @property
    def was_answered(self) -> bool:
        return self.last_reply_ms != LONG_AGO_MS

    @property
    def is_fresh(self) -> bool:
        """Whether Redis responded within FRESH_REPLY_MS. Always true for a scope that is refreshed every second."""
        return self.was_answered and self._clock.elapsed_ms() - self.last_reply_ms <= FRESH_REPLY_MS

    @property
    def seen_version(self) -> int:
        """The version that Redis has to continue from. It is higher than an estimate's version, so that the next count
        replaces the estimate.
        """
        version = self.online.version
        return version + 1 if version and self.online.is_estimate else version

    @property
    def is_stale(self) -> bool:
        """Whether the version that Redis returned is too old to replace the estimate shown."""
        return self.online.is_estimate and not self.is_estimating

    def change(self, person: str, is_held: bool) -> None:
        """Record an arrival or departure on this worker as unconfirmed."""
        if not self.unconfirmed:
            self.unconfirmed_since_ms = self._clock.elapsed_ms()
        self._estimated -= self._estimate(person)
        self.unconfirmed[person] = Change(is_held)
        self._estimated += self._estimate(person)
        if self.is_estimating:
            self._show()

    def show_estimate(self) -> None:
        """Show this worker's estimate until Redis replies."""
        self.is_estimating = True
        self._show()

    def leases_after(self, sent: Iterable[SentReport]) -> int:
        """How many of this worker's leases Redis should have once it has processed `sent`."""
        is_held = {report.person: report.connections != NO_CONNECTIONS for report, _, _ in sent}
        return len(self._counted) + sum(held - (person in self._counted) for person, held in is_held.items())

    def take_reply(self, sent: Iterable[SentReport], reply: SyncReply, has_lost: bool) -> None:
        """Adopt the count that Redis computed after processing `sent`. If `has_lost` is set, Redis had lost some of
        this worker's leases, and `sent` includes all of them.
        """
        shown = self._count + self._estimated
        self._confirm(sent)
        now_ms = self._clock.elapsed_ms()
        if has_lost or self._was_away() or (self.born and reply.born != self.born):
            self._rejoin_until_ms = now_ms + REJOIN_MS
        self.last_reply_ms, self.born = now_ms, reply.born
        if self._is_rejoining() and reply.people < shown:
            self._count = shown - self._estimated
            self.is_estimating = True
        elif reply.version >= self._version:
            self._count, self._version = reply.people, reply.version
            self.is_estimating = self.is_estimating and bool(self.unconfirmed)
        self._show()
        self.answered.set()
        self.answered = threading.Event()

    def apply_remote(self, online: Online) -> None:
        """Adopt a count that another worker got from Redis, if it is newer."""
        if self._is_rejoining() and online.count < self.online.count:
            return
        if online.version > max(self._version, self.online.version):
            self._count, self._version = online.count, online.version
            self._show()

    def _was_away(self) -> bool:
        return self.was_answered and self._clock.elapsed_ms() - self.last_reply_ms > RENEW_LEASES_MS

    def _is_rejoining(self) -> bool:
        return self._was_away() or self._clock.elapsed_ms() < self._rejoin_until_ms

    def _confirm(self, sent: Iterable[SentReport]) -> None:
        for report, change, is_elsewhere in sent:
            person = report.person
            self._estimated -= self._estimate(person)
            if change and self.unconfirmed.get(person) is change:
                del self.unconfirmed[person]
            _set_membership(self._counted, person, report.connections != NO_CONNECTIONS)
            _set_membership(self._elsewhere, person, report.connections != NO_CONNECTIONS and is_elsewhere)
            self._estimated += self._estimate(person)

    def _estimate(self, person: str) -> int:
        """How a person's unconfirmed change affects the count."""
        change = self.unconfirmed.get(person)
        if change is None:
            return 0
        if change.is_held:
            return int(person not in self._counted)
        return -int(person in self._counted and person not in self._elsewhere)

    def _show(self) -> None:
        if not self.is_estimating:
            if self._version >= self.seen_version:
                self.online = Online(self._version, self._count)
            return
        count = max(0, self._count + self._estimated)
        if count != self.online.count:
            self.online = Online(max(self.online.version + 1, self._clock.now_ms()), count, is_estimate=True)


def _set_membership(people: set[str], person: str, belongs: bool) -> None:
    if belongs:
        people.add(person)
    else:
        people.discard(person)
