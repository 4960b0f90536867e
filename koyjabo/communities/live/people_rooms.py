"""The rooms of communities whose members see who is online, by name (specification: Who is online).

They are separate from the rooms with the count, because watchers, and members where it is off, receive no names.
"""

import json
import time
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any
from weakref import WeakValueDictionary

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.database.batch_worker import Job
from koyjabo.base.database.shared_lookups import SharedLookups
from koyjabo.base.models import Scope
from koyjabo.communities.permissions import Permissions
from koyjabo.presence.members.online_members import OnlineMembers
from koyjabo.realtime.events import MembersOnline, members_online_room, visitors_room
from koyjabo.realtime.room import RoomEvent
from koyjabo.realtime.services import RealtimeServices
from .online_people import OnlinePeople
from .participant import Participant
from .participants import Participants

MAX_NAMED_MEMBERS = 50
MAX_PEOPLE_BYTES = 5_900
"""Maximum size of the people in an event as JSON, bytes. The whole event has at most 6 KB."""


class PeopleRoom:
    """The source of one community's room. Call `read` before `first_event`."""

    interval_s = 1.0
    caused_by_visits = False
    is_relative = False

    def __init__(self, scope: Scope, rooms: "PeopleRooms", clock: Clock) -> None:
        self._scope, self._rooms, self._clock = scope, rooms, clock
        self._event = MembersOnline(scope, (), 0, 0)
        self._version, self._due_ms = (0, 0), 0

    @property
    def is_outdated(self) -> bool:
        return self._version != self._rooms.version_of(self._scope)

    @property
    def rest_s(self) -> float:
        """How long until the people may be read again, s."""
        return max(0, self._due_ms - self._clock.elapsed_ms()) / 1000

    def read(self) -> None:
        """Read the people. Raises LedgerUnavailable."""
        version, people = self._rooms.version_of(self._scope), self._rooms.people_of(self._scope)
        before, self._version = self._event, version
        self._due_ms = self._clock.elapsed_ms() + round(self.interval_s * 1000)
        if people is None and not before.people:
            return  # it has been turned off, and the last event had no names
        named, unnamed = people or ((), self._rooms.count_of(self._scope))
        if not before.revision or (named, unnamed) != (before.people, before.unnamed):
            revision = max(before.revision + 1, self._clock.now_ms())
            self._event = MembersOnline(self._scope, named, unnamed, revision, self._clock.time_of(revision))

    def first_event(self) -> RoomEvent:
        return self._event

    def events_after(self, after: int) -> Sequence[RoomEvent]:
        if self.is_outdated:
            time.sleep(self.rest_s)
            try:
                self.read()
            except LedgerUnavailable:
                return []  # the next tick tries again
        return [self._event] if self._event.revision > after else []

    def merge(self, state: Any) -> None:
        """Do nothing: the room follows the online count."""


class PeopleRooms:
    """The open rooms on this worker."""

    def __init__(
        self,
        realtime: RealtimeServices,
        members: OnlineMembers,
        people: OnlinePeople,
        participants: Participants,
        permissions: Permissions,
        runtime: Runtime,
        clock: Clock,
    ) -> None:
        self._rooms, self._fanout = realtime.rooms, realtime.fanout
        self._members = members
        self._people = people
        self._participants = participants
        self._permissions = permissions
        self._runtime = runtime
        self._clock = clock
        self.version = -1  # of `Permissions.people_version`
        self._sources: WeakValueDictionary[Scope, PeopleRoom] = WeakValueDictionary()
        self._reads: SharedLookups[Scope, PeopleRoom] = SharedLookups(runtime, self._read_due)

    def current(self, scope: Scope) -> PeopleRoom:
        """A source that has been read within the last second. Waits. Raises LedgerUnavailable."""
        return self._reads.ask(scope)

    def admit(self, participant: Participant, source: PeopleRoom) -> None:
        """Admit a participant, and send them the people. Idempotent."""
        if participant.is_shown_people:
            return
        participant.is_shown_people, name = True, members_online_room(participant.scope)
        self._rooms.admit(name, lambda: source, participant.client)
        if not participant.is_taken:
            self._rooms.dismiss(name, participant.client)
        self._rooms.refresh(name)  # others may not have what was read for this participant

    def admit_where_on(self, participants: Iterable[Participant]) -> None:
        """Admit the participants in the room with the count whose community has turned it on. Waits. Raises
        LedgerUnavailable.
        """
        counted = self._fanout.members_of
        online = [one for one in participants if one.is_online and one.client in counted(visitors_room(one.scope))]
        shown = self._permissions.showing_people({one.scope for one in online})
        for one in online:
            if one.scope in shown:
                self.admit(one, self.current(one.scope))

    def recheck_soon(self, _: object = None) -> None:
        self._runtime.start_task(self.recheck)

    def recheck(self) -> None:
        """Follow changes on any worker: who is online, who appears offline, and which communities show names. Call
        this every second. Waits.
        """
        participants = self._participants.all()
        if not participants:
            return
        try:
            version = self._permissions.people_version()
            if version != self.version:
                self.version = version
                self.admit_where_on(participants)
        except LedgerUnavailable:
            self.version = -1  # the next tick tries again
        for room, source in self._rooms.with_source(PeopleRoom):
            if source.is_outdated:
                room.changed()

    def version_of(self, scope: Scope) -> tuple[int, int]:
        """Changes whenever a community's people or their names may have changed. Does not wait."""
        return self._members.online(scope).version, self.version

    def count_of(self, scope: Scope) -> int:
        return self._members.online(scope).count

    def people_of(self, scope: Scope) -> tuple[tuple[dict[str, Any], ...], int] | None:
        """The newest people, as events name them, and the number of all others; None if the community does not show
        them. Waits. Raises LedgerUnavailable.
        """
        if not self._permissions.showing_people({scope}):
            return None
        people = [person.as_object() for person in self._people.first(scope, MAX_NAMED_MEMBERS, is_newest_first=True)]
        for fields in people:
            del fields["tabs"]
        sizes = accumulate(len(json.dumps(fields)) + 1 for fields in people)
        named = tuple(fields for fields, size in zip(people, sizes, strict=True) if size <= MAX_PEOPLE_BYTES)
        return named, max(0, self.count_of(scope) - len(named))

    def _read_due(self, jobs: Sequence[Job[Scope, PeopleRoom]]) -> None:
        for job in jobs:
            job.result = source = self._sources.setdefault(job.item, PeopleRoom(job.item, self, self._clock))
            if not source.rest_s:
                source.read()
