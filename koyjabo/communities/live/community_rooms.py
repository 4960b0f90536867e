"""Lets members join and leave the rooms of their communities, and publishes the changes."""

from __future__ import annotations

from functools import partial
from typing import Any

from koyjabo.clock import Clock
from koyjabo.communities.live.attendance_log import AttendanceLog
from koyjabo.communities.live.dashboard_room import Dashboards
from koyjabo.communities.live.member_room import ONLINE, MemberRoom
from koyjabo.communities.live.participant import Participant, Participants
from koyjabo.communities.permissions import Permissions
from koyjabo.counting.visits import Visits
from koyjabo.models import Scope
from koyjabo.presence.members.online_members import OnlineMember, OnlineMembers
from koyjabo.realtime.events import dashboard_room, visitors_room
from koyjabo.realtime.rooms import Rooms

SETTLE_S = 0.5
"""How long a join waits for Redis to count the member; after that, the count is an estimate."""


class CommunityRooms:
    """The participants of community rooms on this worker."""

    def __init__(
        self,
        rooms: Rooms,
        members: OnlineMembers,
        visits: Visits,
        dashboards: Dashboards,
        attendance_log: AttendanceLog,
        participants: Participants,
        permissions: Permissions,
        clock: Clock,
    ) -> None:
        self._rooms = rooms
        self._members = members
        self._visits = visits
        self._dashboards = dashboards
        self._attendance_log = attendance_log
        self._participants = participants
        self._permissions = permissions
        self._clock = clock

    # Joining and leaving.

    def join(self, participant: Participant) -> dict[str, Any] | None:
        """Add a participant to a room and return their first event, which counts them. None if they left meanwhile.

        Raises the reason if a permission is missing or is revoked meanwhile; LedgerUnavailable. Waits.
        """
        self._participants.add(participant)  # before the check, so that a permission revoked from now on ends it
        value = None
        try:
            self._permissions.check(participant.access, participant.refresh_id)
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

    def send_present(self, participant: Participant) -> dict[str, Any] | None:
        """Send a participant the current value of their room and return it; None if they have left it. Waits."""
        room = self._rooms.find(self.room_of(participant)) if participant.is_taken else None
        return room.send_present(participant.client) if room else None

    @staticmethod
    def room_of(participant: Participant) -> str:
        return (dashboard_room if participant.is_dashboard else visitors_room)(participant.scope)

    def _let_in(self, participant: Participant) -> dict[str, Any] | None:
        if participant.is_dashboard:
            dashboard = self._dashboards.current(participant.scope)
            return self._rooms.admit(self.room_of(participant), lambda: dashboard, participant.client)
        live_stats = self._visits.community(participant.scope)
        person = participant.access.user_id
        if not participant.is_taken:
            return None
        self._members.connect(participant.scope, person, participant.connection_id)
        self._members.wait_until_counted(participant.scope, person, SETTLE_S)
        if not participant.is_taken:
            return None
        self._attendance_log.record(participant.scope, person, live_stats.snapshot.epoch)
        source = partial(MemberRoom, live_stats, self._members, self._clock)
        return self._rooms.admit(self.room_of(participant), source, participant.client)

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
        if not participant.is_dashboard:
            end = self._members.disconnect if participant.is_clean else self._members.connection_lost
            end(participant.scope, participant.access.user_id, participant.connection_id)

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

    def people(self, scope: Scope) -> list[OnlineMember]:
        """The people online, one entry for each user. May wait for Redis, a second at most."""
        return self._members.people(scope)

    # Changes to publish.

    def count_changed(self, scope: Scope) -> None:
        """Publish a changed number of people online, on this worker or another."""
        self._rooms.changed(visitors_room(scope), lambda: {ONLINE: list(self._members.online(scope))}, ONLINE)
        self._dashboards.changed(scope)

    def tick(self) -> None:
        """Run the work of every second: write arrivals, refresh dashboards and member rooms."""
        self._attendance_log.tick()
        self._dashboards.tick()
        self._refresh_member_rooms()

    def _refresh_member_rooms(self) -> None:
        found = self._rooms.with_source(MemberRoom)
        for room, _ in found:
            room.changed()
        for _, source in found:
            if not self._visits.refresh(source.live_stats):
                break  # the database is away: each further read would take a second
