"""The two plain WebSockets of a community: the number of people online, for members, and the dashboard, for
moderators.
"""

from __future__ import annotations

from functools import partial

from flask import Request

from koyjabo.application.services import Services
from koyjabo.communities.live.participant import Participant
from koyjabo.errors import KoyJaboError
from koyjabo.observability.socket_log import NOWHERE
from koyjabo.realtime.close_codes import CLEAN_CLOSES, UNEXPECTED
from koyjabo.sockets.close_code_of_error import close_code
from koyjabo.sockets.credentials import identify, sub_protocols
from koyjabo.sockets.room_kinds import KINDS, participant_for
from koyjabo.sockets.stream import Connection, Stream


class CommunityStream(Stream):
    """`room` is one of `KINDS`."""

    def __init__(self, services: Services, room: str) -> None:
        super().__init__(services)
        self._kind = KINDS[room]
        self.kind = "dashboards" if self._kind.is_dashboard else "communities"
        self._participants: dict[Connection, Participant] = {}

    def person_of(self, connection: Connection) -> str | None:
        participant = self._participants.get(connection)
        return participant.access.user_id if participant is not None else None

    def community_of(self, connection: Connection) -> str:
        participant = self._participants.get(connection)
        return participant.access.community_id if participant is not None else NOWHERE

    def admit(self, connection: Connection, request: Request) -> None:
        claims = identify(self._services, request, sub_protocols(request).token)
        community_id = (request.view_args or {})["community_id"]
        participant = participant_for(self._kind, connection, claims, community_id, partial(_end, connection))
        self._participants[connection] = participant
        if self._services.communities.rooms.join(participant) is None:
            connection.close(UNEXPECTED)  # usually it has disconnected already

    def send_present(self, connection: Connection) -> None:
        participant = self._participants.get(connection)
        if participant is not None:
            self._services.communities.rooms.send_present(participant)

    def disconnected(self, connection: Connection, code: int) -> None:
        participant = self._participants.pop(connection, None)
        if participant is not None:
            self._services.communities.rooms.leave(participant, clean=code in CLEAN_CLOSES)


def _end(connection: Connection, problem: KoyJaboError) -> None:
    connection.close(close_code(problem), str(problem))
