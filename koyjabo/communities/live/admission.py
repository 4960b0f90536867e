"""Lets members join and leave the rooms of their communities, and admins and viewers the panel's room."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from koyjabo.base.models import SITE
from koyjabo.communities.permissions import Permissions
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.visits import Visits
from koyjabo.realtime.events import PANEL_ROOM, dashboard_room, members_online_room, visitors_room
from koyjabo.realtime.services import RealtimeServices
from .dashboards import Dashboards
from .member_room import MemberRoom
from .online_people import OnlinePeople
from .participant import Participant
from .participants import Participants
from .people_rooms import PeopleRooms


class Admission:
    """The participants in these rooms on this worker. `member_room` creates the source for a members' room."""

    def __init__(
        self,
        realtime: RealtimeServices,
        visits: Visits,
        people: OnlinePeople,
        dashboards: Dashboards,
        participants: Participants,
        permissions: Permissions,
        people_rooms: PeopleRooms,
        member_room: Callable[[LiveStats], MemberRoom],
    ) -> None:
        self._rooms = realtime.rooms
        self._panel = realtime.panel
        self._visits = visits
        self._people = people
        self._dashboards = dashboards
        self._participants = participants
        self._permissions = permissions
        self._people_rooms = people_rooms
        self._member_room = member_room

    def join(self, participant: Participant) -> dict[str, Any] | None:
        """Add a participant to a room and return their first event, which counts them; None if they have already left.
        A person who is not a member becomes a watcher if the community's numbers are public. Waits.

        Raises the error for a missing permission, even if it is revoked during the call; LedgerUnavailable.
        """
        self._participants.add(participant)  # before the check, so that any later revocation ends it
        value = None
        try:
            while participant.is_in_doubt:
                participant.is_in_doubt = False
                participant.access = self._permissions.check(participant.access, participant.refresh_id)
            participant.is_checked = True
            value = self._let_in(participant) if participant.is_taken else None
        finally:
            if value is None or not participant.is_taken:
                value = None
                self.leave(participant)
                # The participant may have left before they were added.
                self._participants.discard(participant)
                self._clear(participant)
        if participant.problem is not None:
            raise participant.problem
        return value

    def leave(self, participant: Participant, clean: bool = True) -> None:
        """Remove a participant. If the connection did not end cleanly, the participant still counts for the grace
        period. Idempotent.
        """
        if participant.is_taken:
            participant.is_taken, participant.is_clean = False, clean
            self._participants.discard(participant)
            self._clear(participant)

    def send_present(self, participant: Participant) -> dict[str, Any] | None:
        """Send a participant their room's current value and return it; None if they have left. Waits."""
        room = self._rooms.find(self.room_of(participant)) if participant.is_taken else None
        return room.send_present(participant.client) if room else None

    def show_view(self, participant: Participant, message: Mapping[str, Any]) -> None:
        """Send a dashboard or panel page this report view in place of the previous one. Waits. Raises InvalidInput,
        TooBusy, LedgerUnavailable.
        """
        name, source = self._dashboards.reports().view(participant.scope, participant.access.user_id, message)
        self._rooms.show(participant.client, name, source)
        if not participant.is_taken:
            self._rooms.leave_view(participant.client)

    @staticmethod
    def room_of(participant: Participant) -> str:
        if participant.scope == SITE:
            return PANEL_ROOM
        return (dashboard_room if participant.is_dashboard else visitors_room)(participant.scope)

    def _let_in(self, participant: Participant) -> dict[str, Any] | None:
        scope = participant.scope
        if participant.is_dashboard:
            board = self._panel if scope == SITE else self._dashboards.current(scope)
            return self._rooms.admit(self.room_of(participant), lambda: board, participant.client)
        live_stats = self._visits.community(scope)
        if participant.is_online:
            self._people.connect(participant, live_stats.snapshot.epoch)
        else:
            self._people.online(scope)  # wait until the number is known
        if not participant.is_taken:
            return None
        new_room = partial(self._member_room, live_stats)
        value = self._rooms.admit(self.room_of(participant), new_room, participant.client)
        self._people_rooms.admit([participant])
        return value

    def _clear(self, participant: Participant) -> None:
        self._rooms.dismiss(self.room_of(participant), participant.client)
        self._rooms.leave_view(participant.client)
        if participant.is_online:
            self._rooms.dismiss(members_online_room(participant.scope), participant.client)
            self._people.disconnect(participant)
