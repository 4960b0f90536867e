"""The WebSocket of pages of share links: the numbers of their view."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Request, Response

from koyjabo.core.close_codes import close_code
from koyjabo.core.services import Services
from koyjabo.realtime.services import RealtimeServices
from koyjabo.reports import shares
from koyjabo.reports.errors import UnknownShare
from koyjabo.reports.services import ReportServices
from koyjabo.reports.share_queries import OpenLink
from koyjabo.reports.ui import share_password
from koyjabo.reports.ui.base import Placement, of_link
from koyjabo.reports.ui.live_views import LiveViews
from koyjabo.sockets import routes
from koyjabo.sockets.stream import Connection, Stream

SHARES = "shares"


class ShareStream(Stream):
    """A link that has ended, or has another password, closes its sockets with the next visit."""

    kind = SHARES
    shows_views = True

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._links: dict[Connection, tuple[str, OpenLink]] = {}

    def admit(self, connection: Connection, request: Request) -> None:
        token = (request.view_args or {})["token"]
        link = self._services[ReportServices].shares.open(token)
        share_password.require(link)
        self._links[connection] = token, link

    def send_present(self, connection: Connection) -> None:
        """Does nothing: the view has all events."""

    def disconnected(self, connection: Connection, code: int) -> None:
        self._links.pop(connection, None)
        self._services[RealtimeServices].rooms.leave_view(connection)

    def show_view(self, connection: Connection, message: dict[str, Any]) -> None:
        if connection not in self._links:
            return
        token, link = self._links[connection]
        check, rooms = partial(self._check, token, link), self._services[RealtimeServices].rooms
        name, source = self._services[LiveViews].of_link(self._placement(link), message, check)
        rooms.show(connection, name, source)
        if connection not in self._links:
            rooms.dismiss(name, connection)

    def _placement(self, link: OpenLink) -> Placement:
        return of_link(link, shares.scope_of(link), self._services[ReportServices].shares.filters(link))

    def _check(self, token: str, link: OpenLink) -> None:
        """Raises LedgerUnavailable, and UnknownShare when the link is over, which closes its sockets."""
        reports = self._services[ReportServices].shares
        try:
            if reports.open(token).password != link.password:
                raise UnknownShare
        except UnknownShare as error:
            for connection, (_, known) in list(self._links.items()):
                if known.id == link.id:
                    connection.close(close_code(error), str(error))
            raise


routes.STREAMS[SHARES] = ShareStream


@routes.bp.route("/ws/shares/<token>/", websocket=True)
def share_stream(token: str) -> Response:
    """Sends pages of a share link the numbers of their view."""
    return routes.open_here(SHARES)
