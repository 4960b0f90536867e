"""Routes of plain WebSockets. The stream of the site shares the path `/` with the page (specification: Real time)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Flask, Request, Response, current_app, request

from koyjabo.application.services import Services
from koyjabo.errors import InvalidMessage, NoWebSockets, TooManyRequests
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.sockets.close_code_of_error import close_code
from koyjabo.sockets.community_stream import CommunityStream
from koyjabo.sockets.credentials import sub_protocols
from koyjabo.sockets.messages import is_true
from koyjabo.sockets.site_stream import admit, name_visitor, send_stats
from koyjabo.sockets.stream import Connection, Stream

bp = Blueprint("sockets", __name__)

EXTENSION = "koyjabo.streams"
STATS = "stats"


class StatsStream(Stream):
    kind = "site"

    def person_of(self, connection: Connection) -> str | None:
        return self._services.presence.visitor_sockets.visitor_of(connection)

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
        self._services.realtime.rooms.get(STATS_ROOM).dismiss(connection)
        self._services.presence.visitor_sockets.closed(connection)


STREAMS: dict[str, Callable[[Services], Stream]] = {
    STATS: StatsStream,
    "visitors": partial(CommunityStream, room="visitors"),
    "visitor_dashboard": partial(CommunityStream, room="visitor_dashboard"),
}


@bp.route("/", websocket=True)
def stats_stream() -> Response:
    """Sends every change of the site's statistics. The first event includes the effect of opening the socket."""
    return _open(STATS)


@bp.route("/ws/communities/<community_id>/visitors/", websocket=True)
def visitors_stream(community_id: str) -> Response:
    """Sends members of a community how many of them are online. The first event includes the client itself."""
    return _open("visitors", sub_protocols(request).answer)


@bp.route("/ws/communities/<community_id>/visitor-dashboard/", websocket=True)
def dashboard_stream(community_id: str) -> Response:
    """Sends moderators the dashboard of a community: today's visitors and who is online. Does not count as online."""
    return _open("visitor_dashboard", sub_protocols(request).answer)


def _open(name: str, protocol: str | None = None) -> Response:
    open_stream(current_app._get_current_object(), name, request, protocol)  # type: ignore[attr-defined]
    return Response()


def open_stream(app: Flask, name: str, request: Request, protocol: str | None = None) -> None:
    """Answer a handshake. Raises NoWebSockets, BadHandshake, UnsupportedWebSocket."""
    websockets = request.environ.get("koyjabo.websockets")
    if websockets is None:
        raise NoWebSockets
    streams: dict[str, Stream] = app.extensions.setdefault(EXTENSION, {})
    if name not in streams:
        streams[name] = STREAMS[name](Services.of(app))
    streams[name].open(websockets, request, protocol)
