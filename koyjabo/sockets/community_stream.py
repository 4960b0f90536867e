"""The two plain WebSockets of a community: who is online, for its members, and the dashboard, for its moderators."""

from __future__ import annotations

from functools import partial

from flask import Request

from koyjabo.application.services import Services
from koyjabo.communities.live.participant import Seat
from koyjabo.errors import KoyJaboError
from koyjabo.observability.socket_log import NOWHERE
from koyjabo.realtime.close_codes import CLEAN_CLOSES, UNEXPECTED
from koyjabo.sockets.close_codes import close_code
from koyjabo.sockets.credentials import identify, sub_protocols
from koyjabo.sockets.room_kinds import KINDS, seat_for
from koyjabo.sockets.stream import Connection, Stream


class CommunityStream(Stream):
    """`room` is one of `KINDS`."""

    def __init__(self, services: Services, room: str) -> None:
        super().__init__(services)
        self._kind = KINDS[room]
        self.kind = "dashboards" if self._kind.is_dashboard else "communities"
        self._seats: dict[Connection, Seat] = {}

    def who(self, connection: Connection) -> str | None:
        seat = self._seats.get(connection)
        return seat.right.user_id if seat is not None else None

    def where(self, connection: Connection) -> str:
        seat = self._seats.get(connection)
        return seat.right.community_id if seat is not None else NOWHERE

    def welcome(self, connection: Connection, request: Request) -> None:
        claims = identify(self._services, request, sub_protocols(request).token)
        community_id = (request.view_args or {})["community_id"]
        seat = seat_for(self._kind, connection, claims, community_id, partial(_end, connection))
        self._seats[connection] = seat
        if self._services.communities.rooms.take(seat) is None:
            connection.close(UNEXPECTED)  # usually it has disconnected already

    def tell_present(self, connection: Connection) -> None:
        seat = self._seats.get(connection)
        if seat is not None:
            self._services.communities.rooms.tell(seat)

    def gone(self, connection: Connection, code: int) -> None:
        seat = self._seats.pop(connection, None)
        if seat is not None:
            self._services.communities.rooms.leave(seat, clean=code in CLEAN_CLOSES)


def _end(connection: Connection, problem: KoyJaboError) -> None:
    connection.close(close_code(problem), str(problem))
