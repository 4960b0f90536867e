"""The people online in communities, with their names, and their attendance records. Callers check the permission."""

import logging
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Collection
from itertools import pairwise
from typing import NamedTuple

from koyjabo.base.core.clock import Clock, iso
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.i18n import ASCII_DIGITS
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.database.rows import Page, sought
from koyjabo.base.models import Scope
from koyjabo.counting.visits import Visits
from koyjabo.presence.members.online_members import OnlineMember, OnlineMembers
from .participant import Participant

log = logging.getLogger(__name__)

MAX_REMEMBERED = 20_000
"""Maximum number of recorded arrivals that are cached, so that reloading a page needs no commit."""

Arrival = tuple[str, str, int, int]
"""(community, user, local hour, epoch). The epoch is needed because rows from an earlier epoch may have been deleted.
"""


class AttendanceLog:
    """Records members who open a community's socket as visitors of the day, soon afterwards and in batches. Calls
    `attend(community_id, users=user_ids, at_ms=…)`, which must be idempotent.
    """

    def __init__(self, attend: Callable[..., object], runtime: Runtime, clock: Clock) -> None:
        self._attend = attend
        self._runtime = runtime
        self._clock = clock
        self._written: OrderedDict[Arrival, None] = OrderedDict()
        self._unwritten: dict[Arrival, int] = {}  # time of arrival, ms
        self._is_writing = False
        self._lock = threading.Lock()

    def record(self, community_id: str, user_id: str, epoch: int) -> None:
        now_ms = self._clock.now_ms()
        arrival = (community_id, user_id, self._clock.bucket(now_ms).hour_s, epoch)
        with self._lock:
            if arrival not in self._written:
                self._unwritten[arrival] = now_ms
        self.tick()

    def tick(self) -> None:
        """Start writing new arrivals, and earlier ones that could not be written. Call this every second."""
        with self._lock:
            if self._is_writing or not self._unwritten:
                return
            self._is_writing = True
        self._runtime.start_task(self._write_all)

    def _write_all(self) -> None:
        try:
            while self._write_batch():
                pass
        except LedgerUnavailable:
            pass  # the next tick tries again
        finally:
            with self._lock:
                self._is_writing = False

    def _write_batch(self) -> bool:
        """Write the arrivals of one community and hour. Returns False if there are none."""
        with self._lock:
            community_id, _, hour_s, _ = next(iter(self._unwritten), ("", "", 0, 0))
            batch = [arrival for arrival in self._unwritten if (arrival[0], arrival[2]) == (community_id, hour_s)]
            at_ms = self._unwritten[batch[0]] if batch else 0
        if not batch:
            return False
        try:
            self._attend(community_id, users={user_id for _, user_id, *_ in batch}, at_ms=at_ms)
        except LedgerUnavailable:
            raise
        except Exception:  # this batch must not block all others
            log.exception("arrivals_not_written community=%s", community_id)
        with self._lock:
            for arrival in batch:
                self._unwritten.pop(arrival, None)
                self._written[arrival] = None
            while len(self._written) > MAX_REMEMBERED:
                self._written.popitem(last=False)
        return True


SETTLE_S = 0.5
"""How long a join waits for Redis to count the member, s. After that, an estimated count is used."""


MAX_SEARCHED = 10_000
"""Maximum number of online people listed and searched: the first ones to arrive."""

NAMED_AT_ONCE = 1_000

ORDERS = OLDEST, NEWEST, BY_NAME = ("oldest", "newest", "name")

WITHOUT_MARKS = dict.fromkeys((*range(0x300, 0x370), 0x200C, 0x200D))
"""Accents of Latin letters, and Bangla joiners, which change how a conjunct is drawn but not how it is spelled.
Bangla's vowel signs are kept, because they are letters.
"""

VIRAMA = 9
"""The combining class of signs that join two consonants."""


class OnlinePerson(NamedTuple):
    """A person who is online."""

    user_id: str
    name: str
    since_ms: int
    tabs: int  # open sockets; 0 during the grace period after a lost connection

    @property
    def initials(self) -> str:
        """The first letter of the name's first and last word, or in a script with joined letters, of the first word."""
        words = self.name.split()
        first = _first_letter(words[0])
        return first if len(words) == 1 or len(first) > 1 else first + _first_letter(words[-1])[:1]

    def as_object(self) -> dict[str, str | int]:
        return {"user_id": self.user_id, "name": self.name, "since": iso(self.since_ms), "tabs": self.tabs}


def _first_letter(word: str) -> str:
    """The first letter in capitals, with its vowel sign and the consonants joined to it."""
    end = 1
    for before, sign in pairwise(word):
        if unicodedata.category(sign)[0] != "M" and unicodedata.combining(before) != VIRAMA:
            break
        end += 1
    return word[:end].upper()


class OnlinePeople:
    """The members online, and their attendance records. `names` returns names by user id, leaving out unknown ids."""

    def __init__(
        self,
        members: OnlineMembers,
        visits: Visits,
        attendance_log: AttendanceLog,
        names: Callable[[Collection[str]], dict[str, str]],
    ) -> None:
        self._members = members
        self._visits = visits
        self._attendance_log = attendance_log
        self._names = names

    def connect(self, participant: Participant, epoch: int) -> None:
        """Count a participant as online, unless they have left. `epoch` is the epoch of the community's
        counter. Waits.
        """
        scope, person = participant.scope, participant.access.user_id
        if not participant.is_taken:
            return
        self._members.connect(scope, person, participant.connection_id)
        self._members.wait_until_counted(scope, person, SETTLE_S)
        if participant.is_taken:
            self._attendance_log.record(scope, person, epoch)

    def disconnect(self, participant: Participant) -> None:
        """Stop counting a participant. Idempotent. If the connection did not end cleanly, the participant still counts
        for the grace period.
        """
        end = self._members.disconnect if participant.is_clean else self._members.connection_lost
        end(participant.scope, participant.access.user_id, participant.connection_id)

    def attend(self, scope: Scope, user_id: str) -> None:
        """Record a member without a socket as a visitor of the day. Does not wait for the commit."""
        self._attendance_log.record(scope, user_id, self._visits.community(scope).snapshot.epoch)

    def tick(self) -> None:
        """Write pending records. Call it every second."""
        self._attendance_log.tick()

    def online(self, *communities: str) -> list[int]:
        """The number of people online in each community. Waits up to SETTLE_S for an unknown count. Once one wait has
        timed out, it does not wait for the other counts.
        """
        for community_id in communities:
            self._members.online(Scope(community_id))  # this schedules one read for all of them
        is_answering = True
        for community_id in communities:
            is_answering = is_answering and self._members.wait_until_counted(Scope(community_id), "", SETTLE_S)
        return [self._members.online(Scope(community_id)).count for community_id in communities]

    def online_in(self, user_id: str, communities: Collection[str]) -> set[Scope]:
        """The communities where a user is online. May wait up to about 2 s for Redis."""
        return self._members.online_in(user_id, [Scope(community_id) for community_id in communities])

    def page(self, scope: Scope, start: int, count: int, text: str = "", order: str = OLDEST) -> Page[OnlinePerson]:
        """A page of `count` people from the offset `start`, whose name contains each word of `text`, sorted by one of
        ORDERS; the total is at most MAX_SEARCHED. Reads `start + count` people, or all people online if there is a text
        or the order is by name. May wait up to a second for Redis. Raises LedgerUnavailable.
        """
        is_newest_first = order != OLDEST
        if text or order == BY_NAME:
            words = folded(sought(text)).split()
            members = self._members.people(scope, MAX_SEARCHED, is_newest_first)
            named = [(folded(person.name), person) for person in self._named(members)]
            matches = [(name, person) for name, person in named if all(word in name for word in words)]
            if order == BY_NAME:
                matches.sort(key=lambda match: (match[0], match[1].user_id))
            people = [person for _, person in matches]
            return Page(tuple(people[start : start + count]), len(people))
        end = min(start + count, MAX_SEARCHED)
        members = self._members.people(scope, end, is_newest_first)
        total = len(members) if len(members) < end else max(end, self._members.online(scope).count)
        return Page(tuple(self._named(members[start:])), min(total, MAX_SEARCHED))

    def _named(self, members: list[OnlineMember]) -> list[OnlinePerson]:
        names: dict[str, str] = {}
        for at in range(0, len(members), NAMED_AT_ONCE):
            names |= self._names([member.person for member in members[at : at + NAMED_AT_ONCE]])
        known = (member for member in members if member.person in names)
        return [
            OnlinePerson(member.person, names[member.person], member.since_ms, member.connections) for member in known
        ]


def folded(text: str) -> str:
    """A name as used for searching and sorting: without case and accents, and with one spelling for each
    Bangla letter.
    """
    return unicodedata.normalize("NFKD", text).translate(WITHOUT_MARKS).translate(ASCII_DIGITS).casefold()
