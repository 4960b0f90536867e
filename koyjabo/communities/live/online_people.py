"""The people online in communities, with their names. Callers check the permission."""

import unicodedata
from collections.abc import Callable, Collection

from koyjabo.base.core.i18n import ASCII_DIGITS
from koyjabo.base.database.rows import Slice
from koyjabo.base.database.search import sought
from koyjabo.base.models import Scope
from koyjabo.counting.visits import Visits
from koyjabo.presence.members.online_members import OnlineMember, OnlineMembers
from .attendance_log import AttendanceLog
from .online_person import OnlinePerson
from .participant import Participant

SETTLE_S = 0.5
"""How long a join waits for Redis to count the member, s. After that, an estimated count is used."""


MAX_SEARCHED_PEOPLE = 10_000
"""Maximum number of online people listed and searched: the first ones to arrive."""

NAMED_AT_ONCE = 1_000
PEOPLE_ORDERS = OLDEST_FIRST, NEWEST_FIRST, NAME_ORDER = ("oldest", "newest", "name")

WITHOUT_MARKS = dict.fromkeys((*range(0x300, 0x370), 0x200C, 0x200D))
"""Accents of Latin letters, and Bangla joiners, which change how a conjunct is drawn but not how it is spelled.
Bangla's vowel signs are kept, because they are letters.
"""


class OnlinePeople:
    """The members online, and their attendance records. `names` returns names by user id, and whether they appear
    offline, leaving out unknown ids.
    """

    def __init__(
        self,
        members: OnlineMembers,
        visits: Visits,
        attendance_log: AttendanceLog,
        names: Callable[[Collection[str]], dict[str, tuple[str, bool]]],
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

    def page(
        self, scope: Scope, start: int, count: int, text: str = "", order: str = OLDEST_FIRST, reader: str = ""
    ) -> Slice[OnlinePerson]:
        """A page of `count` people from the offset `start`, whose name contains each word of `text`, sorted by one of
        PEOPLE_ORDERS; the total is at most MAX_SEARCHED_PEOPLE. Only the user `reader` sees themselves if they appear
        offline. May wait up to a second for Redis. Raises LedgerUnavailable.
        """
        people = self.first(scope, MAX_SEARCHED_PEOPLE, order != OLDEST_FIRST, reader)
        if text or order == NAME_ORDER:
            words = searchable(sought(text)).split()
            named = [(searchable(person.name), person) for person in people]
            matches = [(name, person) for name, person in named if all(word in name for word in words)]
            if order == NAME_ORDER:
                matches.sort(key=lambda match: (match[0], match[1].user_id))
            people = [person for _, person in matches]
        return Slice(tuple(people[start : start + count]), len(people))

    def first(self, scope: Scope, count: int, is_newest_first: bool = False, reader: str = "") -> list[OnlinePerson]:
        """The first `count` people, without those who appear offline. Reads more only to replace these. Otherwise like
        `page`.
        """
        size = count
        while True:
            members = self._members.people(scope, size, is_newest_first)
            people = self._named(members, reader)
            if len(people) >= count or len(members) < size or size >= MAX_SEARCHED_PEOPLE:
                return people[:count]
            size = min(2 * size, MAX_SEARCHED_PEOPLE)

    def listed(self, scope: Scope) -> list[OnlineMember]:
        """Up to MAX_LISTED_MEMBERS people in order of arrival, also unknown ones, without those who appear offline. For
        programs. Otherwise like `page`.
        """
        members = self._members.people(scope)
        names = self._names([member.person for member in members])
        return [member for member in members if not names.get(member.person, ("", False))[1]]

    def _named(self, members: list[OnlineMember], reader: str) -> list[OnlinePerson]:
        names: dict[str, tuple[str, bool]] = {}
        for at in range(0, len(members), NAMED_AT_ONCE):
            names |= self._names([member.person for member in members[at : at + NAMED_AT_ONCE]])
        people = []
        for member in members:
            name, appears_offline = names.get(member.person, ("", True))
            if not appears_offline or member.person == reader:
                people.append(OnlinePerson(member.person, name, member.since_ms, member.connections, appears_offline))
        return people


def searchable(text: str) -> str:
    """A name as used for searching and sorting: without case and accents, and with one spelling for each
    Bangla letter.
    """
    return unicodedata.normalize("NFKD", text).translate(WITHOUT_MARKS).translate(ASCII_DIGITS).casefold()
