"""The people online in communities, with their names. Callers check the permission."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from koyjabo.communities.live.attendance_log import AttendanceLog
from koyjabo.communities.live.participant import Participant
from koyjabo.communities.live.time_spent import TimeRecorder
from koyjabo.core.clock import iso
from koyjabo.counting.visits import Visits
from koyjabo.models import Scope
from koyjabo.presence.members.online_members import OnlineMembers

SETTLE_S = 0.5
"""How long a join waits for Redis to count the member; after that, the count is an estimate."""


class OnlinePerson(NamedTuple):
    """A person who is online."""

    user_id: str
    name: str
    since_ms: int
    tabs: int  # open sockets; 0 during the grace period after a lost connection

    def as_object(self) -> dict[str, str | int]:
        return {"user_id": self.user_id, "name": self.name, "since": iso(self.since_ms), "tabs": self.tabs}


class OnlinePeople:
    """The members who are online, and the records of their presence.

    `names` returns names by user id, without unknown ids.
    """

    def __init__(
        self,
        members: OnlineMembers,
        visits: Visits,
        attendance_log: AttendanceLog,
        time_spent: TimeRecorder,
        names: Callable[[Collection[str]], dict[str, str]],
    ) -> None:
        self._members = members
        self._visits = visits
        self._attendance_log = attendance_log
        self._time_spent = time_spent
        self._names = names

    def connect(self, participant: Participant, epoch: int) -> None:
        """Count a participant as online, unless they have left; `epoch` is that of the community's visits. Waits."""
        scope, person = participant.scope, participant.access.user_id
        if not participant.is_taken:
            return
        self._members.connect(scope, person, participant.connection_id)
        self._time_spent.opened(scope, person, participant.connection_id)
        self._members.wait_until_counted(scope, person, SETTLE_S)
        if participant.is_taken:
            self._attendance_log.record(scope, person, epoch)

    def disconnect(self, participant: Participant) -> None:
        """Idempotent. After an unclean end, the connection counts for the grace period."""
        end = self._members.disconnect if participant.is_clean else self._members.connection_lost
        end(participant.scope, participant.access.user_id, participant.connection_id)
        self._time_spent.closed(participant.scope, participant.access.user_id, participant.connection_id)

    def attend(self, scope: Scope, user_id: str) -> None:
        """Record a member as a visitor of the day who has no socket. Does not wait for the commit."""
        self._attendance_log.record(scope, user_id, self._visits.community(scope).snapshot.epoch)

    def tick(self) -> None:
        """Write what is to be recorded. Call it every second."""
        self._attendance_log.tick()
        self._time_spent.tick()

    def online(self, *communities: str) -> list[int]:
        """The number of people online in each community. Waits at most SETTLE_S for each count that is not known yet,
        until the first wait has failed."""
        for community_id in communities:
            self._members.online(Scope(community_id))  # schedules one read for all of them
        is_answering = True
        for community_id in communities:
            is_answering = is_answering and self._members.wait_until_counted(Scope(community_id), "", SETTLE_S)
        return [self._members.online(Scope(community_id)).count for community_id in communities]

    def online_in(self, user_id: str, communities: Collection[str]) -> set[Scope]:
        """In which of these communities a user is online. May wait for Redis, about 2 s at most."""
        return self._members.online_in(user_id, [Scope(community_id) for community_id in communities])

    def page(self, scope: Scope, start: int, count: int) -> tuple[list[OnlinePerson], int]:
        """`count` people from the offset `start`, the longest online first, and the number of all, at most 1,000.

        May wait for Redis, a second at most. Raises LedgerUnavailable.
        """
        members = self._members.people(scope)
        listed = members[start : start + count]
        names = self._names([each.person for each in listed])
        known = [each for each in listed if each.person in names]
        people = [OnlinePerson(each.person, names[each.person], each.since_ms, each.connections) for each in known]
        return people, len(members)
