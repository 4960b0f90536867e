"""The plain WebSockets that follow the site's stats."""

from functools import partial
from typing import Any

from flask import Request

from koyjabo.base.core.close_codes import close_code
from koyjabo.base.core.errors import InvalidMessage, KoyJaboError, TooManyRequests
from koyjabo.counting.evidence.attendance_writer import AttendanceWriter
from koyjabo.counting.stats import encode
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets
from koyjabo.realtime import events
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.realtime.services import RealtimeServices
from .messages import MAX_LIST_MESSAGE_BYTES, VisibleMessage, is_true
from .site_admission import admit, name_visitor, send_stats, show
from .site_part import SitePart
from .site_parts import SITE_PARTS
from .stream import Connection, Stream


class StatsStream(Stream):
    kind = "site"
    largest_message = MAX_LIST_MESSAGE_BYTES

    @property
    def message_types(self) -> list[str]:
        return [*super().message_types, "visitor", "visible", *SITE_PARTS]

    def person_of(self, connection: Connection) -> str | None:
        return self._services[VisitorSockets].visitor_of(connection)

    def admit(self, connection: Connection, request: Request) -> None:
        sent_id, is_said = request.args.get("visitorId"), is_true(request.args.get("anonymous"))
        admit(self._services, connection, connection, request, (sent_id, None), is_said)

    def send_present(self, connection: Connection) -> None:
        send_stats(self._services, connection)

    def _respond(self, connection: Connection, message: dict[str, Any]) -> None:
        if message["type"] == "visitor":
            connection.run_in_order(partial(self._name, connection, message))
        elif message["type"] == "visible":
            show(self._services, connection, VisibleMessage.of(message))
        elif part := SITE_PARTS.get(message["type"]):
            connection.run_in_order(partial(self._respond_with, part, connection, part.parse(message)))
        else:
            super()._respond(connection, message)

    def _name(self, connection: Connection, message: dict[str, Any]) -> None:
        """Handle a `visitor` message. May block."""
        try:
            self._socket_log.named(name_visitor(self._services, connection, message))
        except InvalidMessage as error:
            self._refuse(connection, error)
        except TooManyRequests as error:
            connection.close(close_code(error), str(error))

    def _respond_with(self, part: SitePart, connection: Connection, parsed: Any) -> None:
        """Handle a message of another feature. May block."""
        try:
            part.respond(self._services, connection, parsed, connection.address, lambda: connection.is_open)
        except InvalidMessage as error:
            self._refuse(connection, error)
        except KoyJaboError as error:
            connection.send(encode(events.error(str(error), error.code)))

    def disconnected(self, connection: Connection, code: int) -> None:
        self._services[RealtimeServices].rooms.get(STATS_ROOM).dismiss(connection)
        for part in SITE_PARTS.values():
            part.leave(self._services, connection)
        self._services[AttendanceWriter].open_pages.closed(connection)
        self._services[VisitorSockets].closed(connection)
