"""The plain WebSockets of the site's statistics."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Request

from koyjabo.core.errors import InvalidMessage, TooManyRequests
from koyjabo.presence.services import PresenceServices
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.realtime.services import RealtimeServices
from koyjabo.sockets.close_code_of_error import close_code
from koyjabo.sockets.messages import is_true
from koyjabo.sockets.site_stream import admit, name_visitor, send_stats
from koyjabo.sockets.stream import Connection, Stream


class StatsStream(Stream):
    kind = "site"

    def person_of(self, connection: Connection) -> str | None:
        return self._services[PresenceServices].visitor_sockets.visitor_of(connection)

    def admit(self, connection: Connection, request: Request) -> None:
        sent_id, is_said = request.args.get("visitorId"), is_true(request.args.get("anonymous"))
        admit(self._services, connection, request, sent_id, is_said)

    def send_present(self, connection: Connection) -> None:
        send_stats(self._services, connection)

    def _answer(self, connection: Connection, message: dict[str, Any]) -> None:
        if message["type"] == "visitor":
            connection.in_turn(partial(self._name, connection, message.get("visitorId")))
        else:
            super()._answer(connection, message)

    def _name(self, connection: Connection, sent_id: object) -> None:
        """May block."""
        try:
            self._socket_log.named(name_visitor(self._services, connection, sent_id))
        except InvalidMessage as error:
            self._refuse(connection, error)
        except TooManyRequests as error:
            connection.close(close_code(error), str(error))

    def disconnected(self, connection: Connection, code: int) -> None:
        self._services[RealtimeServices].rooms.get(STATS_ROOM).dismiss(connection)
        self._services[PresenceServices].visitor_sockets.closed(connection)
