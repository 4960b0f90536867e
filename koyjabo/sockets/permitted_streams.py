"""Plain WebSockets that require permission: the number of people online in a community (for members, or public), and
its dashboard (for moderators). The panel's WebSockets are in `koyjabo.site.panel.panel_stream`.
"""

from abc import abstractmethod
from functools import partial
from typing import Any

from flask import Request

from koyjabo.base.core.close_codes import CLEAN_CLOSES, UNEXPECTED_ERROR, close_code
from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.services import Services
from koyjabo.base.models import SITE
from koyjabo.base.observability.socket_log import NO_COMMUNITY_TEXT
from koyjabo.communities.live.participant import Participant
from koyjabo.communities.services import CommunityServices
from koyjabo.web.login.claims import Claims
from .credentials import identify, sub_protocols
from .room_kinds import ROOM_KINDS, participant_for
from .stream import Connection, Stream


class PermittedStream(Stream):
    """A stream that ends for participants who lose their permission."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._participants: dict[Connection, Participant] = {}

    @abstractmethod
    def _participant(self, connection: Connection, claims: Claims | None, request: Request) -> Participant: ...

    def person_of(self, connection: Connection) -> str | None:
        participant = self._participants.get(connection)
        return (participant.access.user_id or None) if participant is not None else None

    def community_of(self, connection: Connection) -> str:
        participant = self._participants.get(connection)
        if participant is None or participant.scope == SITE:
            return NO_COMMUNITY_TEXT
        return participant.access.community_id

    def admit(self, connection: Connection, request: Request) -> None:
        claims = identify(self._services, request, sub_protocols(request).token)
        participant = self._participant(connection, claims, request)
        self._participants[connection] = participant
        if self._services[CommunityServices].admission.join(participant) is None:
            connection.close(UNEXPECTED_ERROR)  # usually it has already disconnected

    def send_present(self, connection: Connection) -> None:
        participant = self._participants.get(connection)
        if participant is not None:
            self._services[CommunityServices].admission.send_present(participant)

    def show_view(self, connection: Connection, message: dict[str, Any]) -> None:
        participant = self._participants.get(connection)
        if participant is not None:
            self._services[CommunityServices].admission.show_view(participant, message)

    def _end(self, connection: Connection, problem: KoyJaboError) -> None:
        """End a connection whose permission was revoked. Must not block."""
        connection.close(close_code(problem), str(problem))

    def disconnected(self, connection: Connection, code: int) -> None:
        participant = self._participants.pop(connection, None)
        if participant is not None:
            self._services[CommunityServices].admission.leave(participant, clean=code in CLEAN_CLOSES)


class CommunityStream(PermittedStream):
    """The WebSockets for one kind of community room. `room` is a key of `ROOM_KINDS`."""

    def __init__(self, services: Services, room: str) -> None:
        super().__init__(services)
        self._kind = ROOM_KINDS[room]
        self.kind = "dashboards" if self._kind.is_dashboard else "communities"
        self.shows_views = self._kind.is_dashboard

    def _respond(self, connection: Connection, message: dict[str, Any]) -> None:
        if self._kind.is_dashboard and message["type"] == "request_update":  # the name that Citinfos clients use
            message = {"type": "request_count"}
        super()._respond(connection, message)

    def _participant(self, connection: Connection, claims: Claims | None, request: Request) -> Participant:
        community_id = self._services[CommunityServices].refs.resolve((request.view_args or {})["community_id"])
        return participant_for(self._kind, connection, claims, community_id, partial(self._end, connection))
