"""The WebSocket that pushes a view's numbers to the pages of share links."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Request, Response

from koyjabo.core.services import Services
from koyjabo.core.socket_errors import close_code
from koyjabo.realtime.services import RealtimeServices
from koyjabo.reports import shares
from koyjabo.reports.errors import ShareLocked, UnknownShare
from koyjabo.reports.services import ReportServices
from koyjabo.reports.share_queries import OpenLink
from koyjabo.reports.ui import share_password
from koyjabo.reports.ui.base import of_link
from koyjabo.reports.ui.live_views import LiveViews
from koyjabo.sockets import routes
from koyjabo.sockets.stream import Connection, Stream

SHARES = "shares"


class ShareStream(Stream):
    """The sockets of share links. They are closed within 10 s after the link is revoked or the reader's
    access expires.
    """

    kind = SHARES
    shows_views = True

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._links: dict[Connection, tuple[str, OpenLink, str]] = {}  # token, link and pass

    def admit(self, connection: Connection, request: Request) -> None:
        token = (request.view_args or {})["token"]
        link = self._services[ReportServices].shares.open(token)
        self._links[connection] = token, link, share_password.require(link)

    def send_present(self, connection: Connection) -> None:
        """Do nothing, because all events belong to the view."""

    def disconnected(self, connection: Connection, code: int) -> None:
        self._links.pop(connection, None)
        self._services[RealtimeServices].rooms.leave_view(connection)

    def show_view(self, connection: Connection, message: dict[str, Any]) -> None:
        if connection not in self._links:
            return
        token, link, _ = self._links[connection]
        base = of_link(link, shares.scope_of(link), self._services[ReportServices].shares.filters(link))
        check, rooms = partial(self._check, token, link), self._services[RealtimeServices].rooms
        name, source = self._services[LiveViews].of_link(base, message, check)
        rooms.show(connection, name, source)
        if connection not in self._links:
            rooms.leave_view(connection)

    def _check(self, token: str, link: OpenLink) -> None:
        """Close the sockets of readers whose pass has expired. If the link no longer works, close all of its sockets
        and raise UnknownShare.

        Raises LedgerUnavailable.
        """
        links = self._services[ReportServices].shares
        readers = [(socket, proof) for socket, (_, known, proof) in list(self._links.items()) if known.id == link.id]
        try:
            link = links.open(token)
        except UnknownShare as error:
            for connection, _ in readers:
                connection.close(close_code(error), str(error))
            raise
        for connection, proof in readers:
            try:
                links.require_pass(link, proof)
            except ShareLocked as error:
                connection.close(close_code(error), str(error))


routes.STREAMS[SHARES] = ShareStream


@routes.bp.route("/ws/shares/<token>/", websocket=True)
def share_stream(token: str) -> Response:
    """Push a view's numbers to the share link page that shows it."""
    return routes.open_here(SHARES)
