"""Lets members join and leave the rooms of their communities, and admins and viewers the room of the panel. Publishes
the changes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from koyjabo.communities.live.attendance_log import AttendanceLog
from koyjabo.communities.live.dashboard_room import Dashboards
from koyjabo.communities.live.member_room import ONLINE, MemberRoom
from koyjabo.communities.live.participant import Participant, Participants
from koyjabo.communities.live.time_spent import TimeSpent
from koyjabo.communities.permissions import Permissions
from koyjabo.core.clock import Clock
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.visits import Visits
from koyjabo.models import SITE, Scope
from koyjabo.presence.members.online_members import OnlineMembers
from koyjabo.realtime.events import PANEL_ROOM, dashboard_room, visitors_room
from koyjabo.realtime.milestone_news import MilestoneNews
from koyjabo.realtime.room import Source
from koyjabo.realtime.rooms import Rooms

SETTLE_S = 0.5
"""How long a join waits for Redis to count the member; after that, the count is an estimate."""


class CommunityRooms:
    """The participants of these rooms on this worker."""

    panel: Callable[[], Source]
    """Returns a source of the panel's room with current values; may wait. The feature of that room sets it."""

    def __init__(
        self,
        rooms: Rooms,
        members: OnlineMembers,
        visits: Visits,
        dashboards: Dashboards,
        attendance_log: AttendanceLog,
        time_spent: TimeSpent,
        participants: Participants,
        permissions: Permissions,
        clock: Clock,
        news: Callable[[LiveStats], MilestoneNews],
    ) -> None:
        self._rooms = rooms
        self._members = members
        self._visits = visits
        self._dashboards = dashboards
        self._attendance_log = attendance_log
        self._time_spent = time_spent
        self._participants = participants
        self._permissions = permissions
        self._clock = clock
        self._news = news

    # Joining and leaving.

    def join(self, participant: Participant) -> dict[str, Any] | None:
        """Add a participant to a room and return their first event, which counts them. None if they left meanwhile. A
        person who is not a member becomes a watcher if the community shows its numbers to everybody.

        Raises the reason if a permission is missing or is revoked meanwhile; LedgerUnavailable. Waits.
        """
        self._participants.add(participant)  # before the check, so that a permission revoked from now on ends it
        value = None
        try:
            self._check(participant)
            value = self._let_in(participant) if participant.is_taken else None
        finally:
            if value is None or not participant.is_taken:
                value = None
                self._undo(participant)
        if participant.problem is not None:
            raise participant.problem
        return value

    def leave(self, participant: Participant, clean: bool = True) -> None:
        """Remove a participant. After an unclean end, their connection counts for the grace period. Idempotent."""
        if participant.is_taken:
            participant.is_taken, participant.is_clean = False, clean
            self._participants.discard(participant)
            self._clear(participant)

    def attend(self, scope: Scope, user_id: str) -> None:
        """Record a member as a visitor of the day who has no socket. Does not wait for the commit."""
        self._attendance_log.record(scope, user_id, self._visits.community(scope).snapshot.epoch)

    def send_present(self, participant: Participant) -> dict[str, Any] | None:
        """Send a participant the current value of their room and return it; None if they have left it. Waits."""
        room = self._rooms.find(self.room_of(participant)) if participant.is_taken else None
        return room.send_present(participant.client) if room else None

    @staticmethod
    def room_of(participant: Participant) -> str:
        if participant.scope == SITE:
            return PANEL_ROOM
        return (dashboard_room if participant.is_dashboard else visitors_room)(participant.scope)

    def _check(self, participant: Participant) -> None:
        while participant.is_in_doubt:
            participant.is_in_doubt = False
            participant.access = self._permissions.check(participant.access, participant.refresh_id)
        participant.is_checked = True

    def _let_in(self, participant: Participant) -> dict[str, Any] | None:
        if participant.is_dashboard:
            scope = participant.scope
            current: Source = self.panel() if scope == SITE else self._dashboards.current(scope)
            return self._rooms.admit(self.room_of(participant), lambda: current, participant.client)
        live_stats = self._visits.community(participant.scope)
        if participant.is_online:
            self._come_online(participant, live_stats.snapshot.epoch)
        else:
            self.online(participant.scope)
        if not participant.is_taken:
            return None
        return self._rooms.admit(self.room_of(participant), partial(self._source, live_stats), participant.client)

    def _source(self, live_stats: LiveStats) -> Source:
        return MemberRoom(live_stats, self._members, self._clock, self._news(live_stats))

    def _come_online(self, participant: Participant, epoch: int) -> None:
        """Does nothing for a participant that has left."""
        scope, person = participant.scope, participant.access.user_id
        if not participant.is_taken:
            return
        self._members.connect(scope, person, participant.connection_id)
        self._time_spent.opened(scope, person, participant.connection_id)
        self._members.wait_until_counted(scope, person, SETTLE_S)
        if participant.is_taken:
            self._attendance_log.record(scope, person, epoch)

    def _undo(self, participant: Participant) -> None:
        """Undo a join completely, at any stage, even if the participant left before they were added."""
        self.leave(participant)
        self._participants.discard(participant)
        self._clear(participant)

    def _clear(self, participant: Participant) -> None:
        name = self.room_of(participant)
        room = self._rooms.find(name)
        if room is not None:
            room.dismiss(participant.client)
            self._rooms.close_if_empty(name)
        if participant.is_online:
            end = self._members.disconnect if participant.is_clean else self._members.connection_lost
            end(participant.scope, participant.access.user_id, participant.connection_id)
            self._time_spent.closed(participant.scope, participant.access.user_id, participant.connection_id)

    # Queries.

    def online(self, *communities: str) -> list[int]:
        """The number of people online in each community. Waits at most SETTLE_S for each count that is not known yet,
        until the first wait has failed."""
        for each in communities:
            self._members.online(Scope(each))  # schedules one read for all of them
        is_answering = True
        for each in communities:
            is_answering = is_answering and self._members.wait_until_counted(Scope(each), "", SETTLE_S)
        return [self._members.online(Scope(each)).count for each in communities]

    def online_in(self, user_id: str, communities: Collection[str]) -> set[Scope]:
        """In which of these communities a user is online. May wait for Redis, about 2 s at most."""
        return self._members.online_in(user_id, [Scope(each) for each in communities])

    # Changes to publish.

    def count_changed(self, scope: Scope) -> None:
        """Publish a changed number of people online, on this worker or another."""
        self._rooms.changed(visitors_room(scope), lambda: {ONLINE: list(self._members.online(scope))}, ONLINE)
        self._dashboards.changed(scope)

    def tick(self) -> None:
        """Run the work of every second: write arrivals and time spent, refresh dashboards and member rooms."""
        self._attendance_log.tick()
        self._time_spent.tick()
        self._dashboards.tick()
        self._refresh_member_rooms()

    def _refresh_member_rooms(self) -> None:
        found = self._rooms.with_source(MemberRoom)
        for room, _ in found:
            room.changed()
        for _, source in found:
            if not self._visits.refresh(source.live_stats):
                break  # the database is away: each further read would take a second
