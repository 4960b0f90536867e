"""The rooms of communities whose members see who is online, by name (specification: Who is online).

They are separate from the rooms with the count, because watchers, and members where it is off, receive no names.
"""

import json
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
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

    def __init__(self, scope: Scope, rooms: "PeopleRooms") -> None:
        self._scope, self._rooms = scope, rooms
        self._event = MembersOnline(scope, (), 0, 0)
        self.version, self._due_ms = (0, 0), 0
        self._lock = threading.Lock()  # so that no earlier read is kept after a later one
        self.is_shown = False

    @property
    def is_outdated(self) -> bool:
        return self.version != self._rooms.version_of(self._scope)

    @property
    def rest_s(self) -> float:
        """How long until the people may be read again, s."""
        return max(0, self._due_ms - self._rooms.clock.elapsed_ms()) / 1000

    def read(self) -> None:
        """Read whether the community shows people, and the people. Raises LedgerUnavailable."""
        with self._lock:
            scope, rooms, before = self._scope, self._rooms, self._event
            version, is_shown = rooms.version_of(scope), scope in rooms.permissions.showing_people([scope])
            named = rooms.people_of(scope) if is_shown else ()
            self.version, self.is_shown = version, is_shown
            self._due_ms = rooms.clock.elapsed_ms() + round(self.interval_s * 1000)
            unnamed = max(0, rooms.members.online(scope).count - len(named))
            is_news = (named, unnamed) != (before.people, before.unnamed) or not before.revision
            if is_news and (is_shown or before.people):  # after it has been turned off, one event without names
                revision = max(before.revision + 1, rooms.clock.now_ms())
                self._event = MembersOnline(scope, named, unnamed, revision, rooms.clock.time_of(revision))

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


@dataclass(eq=False)
class PeopleRooms:
    """The open rooms on this worker."""

    realtime: RealtimeServices
    members: OnlineMembers
    people: OnlinePeople
    participants: Participants
    permissions: Permissions
    runtime: Runtime
    clock: Clock
    version: int = -1  # of `Permissions.people_version`

    @cached_property
    def _sources(self) -> "WeakValueDictionary[Scope, PeopleRoom]":
        return WeakValueDictionary()

    @cached_property
    def _reads(self) -> "SharedLookups[Scope, PeopleRoom]":
        return SharedLookups(self.runtime, self._read_due)

    def admit(self, participants: Iterable[Participant]) -> None:
        """Admit the participants in the room with the count whose community shows people, and send them the people.
        Idempotent. Waits.
        """
        counted, rooms = self.realtime.fanout.members_of, self.realtime.rooms
        online = [one for one in participants if one.is_online and one.client in counted(visitors_room(one.scope))]
        try:
            sources = {scope: self._reads.ask(scope) for scope in {one.scope for one in online}}
        except LedgerUnavailable:
            self.version = -1  # the next tick tries again
            return
        for one in online:
            source, name = sources[one.scope], members_online_room(one.scope)
            if not source.is_shown or one.is_shown_people:
                continue
            one.is_shown_people = True
            rooms.admit(name, lambda source=source: source, one.client)  # type: ignore[misc]
            if not one.is_taken:
                rooms.dismiss(name, one.client)

    def recheck_soon(self, _: object = None) -> None:
        self.runtime.start_task(self.recheck)

    def recheck(self) -> None:
        """Follow changes on any worker: who is online, who appears offline, and which communities show names. Call
        this every second. Waits.
        """
        participants = self.participants.all()
        try:
            version = self.permissions.people_version() if participants else self.version
            is_new = version != self.version
            others = [one for one in participants if is_new and one.is_online and not one.is_shown_people]
            shown = others and self.permissions.showing_people({one.scope for one in others})
        except LedgerUnavailable:
            return  # the next tick tries again
        self.version = version
        for room, source in self.realtime.rooms.with_source(PeopleRoom):
            if source.is_outdated:
                room.changed()
        self.admit(one for one in others if one.scope in shown)

    def version_of(self, scope: Scope) -> tuple[int, int]:
        """Changes whenever a community's people or their names may have changed. Does not wait."""
        return self.members.online(scope).version, self.version

    def people_of(self, scope: Scope) -> tuple[dict[str, Any], ...]:
        """The newest people, as events name them. Waits. Raises LedgerUnavailable."""
        people = [person.as_object() for person in self.people.first(scope, MAX_NAMED_MEMBERS, is_newest_first=True)]
        for fields in people:
            del fields["tabs"]
        sizes = accumulate(len(json.dumps(fields)) + 1 for fields in people)
        return tuple(fields for fields, size in zip(people, sizes, strict=True) if size <= MAX_PEOPLE_BYTES)

    def _read_due(self, jobs: Sequence[Job[Scope, PeopleRoom]]) -> None:
        for job in jobs:
            job.result = source = self._sources.setdefault(job.item, PeopleRoom(job.item, self))
            if not source.rest_s or source.version[1] != self.version:
                source.read()
                self.realtime.rooms.refresh(members_online_room(job.item))  # for those who are in it
