"""The WebSocket that pushes the numbers of the reports of a share link."""

from functools import partial
from typing import Any

from flask import Blueprint, Request, Response

from koyjabo.base.core.close_codes import FORBIDDEN, close_code
from koyjabo.base.core.services import Services
from koyjabo.realtime.services import RealtimeServices
from koyjabo.reports.share_links.models import Share
from koyjabo.reports.share_links.reader import context_of, require_pass
from koyjabo.reports.share_links.share_links import ShareLinks, ShareLocked, UnknownShare, check
from koyjabo.reports.ui.live_views import LiveViews, pairs_of
from koyjabo.sockets import websocket_routes
from koyjabo.sockets.stream import Connection, Stream

bp = Blueprint("share_streams", __name__)

SHARES = "shares"

SHARE_CODES = {"unknown_share": FORBIDDEN, "share_locked": FORBIDDEN}


class ShareStream(Stream):
    """The sockets of share links. They are closed within 10 s after the link is revoked or the reader's
    access expires.
    """

    kind = SHARES
    shows_views = True

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._links: dict[Connection, tuple[str, Share, str]] = {}  # token, link and pass

    def admit(self, connection: Connection, request: Request) -> None:
        token = (request.view_args or {})["token"]
        link = self._services[ShareLinks].open(token)
        self._links[connection] = token, link, require_pass(link)

    def send_present(self, connection: Connection) -> None:
        """Do nothing, because all events belong to the view."""

    def disconnected(self, connection: Connection, code: int) -> None:
        self._links.pop(connection, None)
        self._services[RealtimeServices].rooms.leave_view(connection)

    def show_view(self, connection: Connection, message: dict[str, Any]) -> None:
        if connection not in self._links:
            return
        token, link, _ = self._links[connection]
        check(pairs_of(message))
        base, rooms = context_of(link, self._services[ShareLinks]), self._services[RealtimeServices].rooms
        name, source = self._services[LiveViews].view_at(base, message, partial(self._check, token, link))
        rooms.show(connection, name, source)
        if connection not in self._links:
            rooms.leave_view(connection)

    def _check(self, token: str, link: Share) -> None:
        """Close the sockets of readers whose pass has expired. If the link no longer works, close all of its sockets
        and raise UnknownShare.

        Raises LedgerUnavailable.
        """
        share_links = self._services[ShareLinks]
        readers = [(socket, proof) for socket, (_, known, proof) in list(self._links.items()) if known.id == link.id]
        try:
            link = share_links.open(token)
        except UnknownShare as error:
            for connection, _ in readers:
                connection.close(close_code(error), str(error))
            raise
        for connection, proof in readers:
            try:
                share_links.require_pass(link, proof)
            except ShareLocked as error:
                connection.close(close_code(error), str(error))


SHARE_STREAMS = {SHARES: ShareStream}


@bp.route("/ws/shares/<token>/", websocket=True)
def share_stream(token: str) -> Response:
    """Push a view's numbers to the share link page that shows it."""
    return websocket_routes.open_here(SHARES)
