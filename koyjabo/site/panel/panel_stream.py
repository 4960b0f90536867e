"""The WebSocket of the panel's live pages, for admins and viewers of the site."""

from functools import partial

from flask import Blueprint, Request, Response, request

from koyjabo.base.core.errors import Unauthenticated
from koyjabo.communities.live.participant import Participant
from koyjabo.communities.permissions import RequiredAccess
from koyjabo.counting.stats import encode
from koyjabo.realtime.events import panel_state
from koyjabo.sockets import websocket_routes
from koyjabo.sockets.credentials import sub_protocols, token_to_verify
from koyjabo.sockets.permitted_streams import PermittedStream
from koyjabo.sockets.stream import Connection
from koyjabo.upkeep.health.health import Health
from koyjabo.web.login.claims import Claims

bp = Blueprint("panel_streams", __name__)

PANEL_STREAM = "panel"


class PanelStream(PermittedStream):
    """An open socket. It receives every change, so the response to `request_count` contains only what events do not."""

    kind = PANEL_STREAM
    shows_views = True

    def send_present(self, connection: Connection) -> None:
        unsaved = self._services[Health].unsaved()
        since_ms = unsaved.since_ms if unsaved else None
        connection.send(encode(panel_state(since_ms, self._services.clock.now_ms())))

    def _participant(self, connection: Connection, claims: Claims | None, request: Request) -> Participant:
        if claims is None:
            raise Unauthenticated
        needed = RequiredAccess.of_panel(claims.session_id, claims.user_id)
        end, refresh_id = partial(self._end, connection), token_to_verify(claims)
        return Participant(connection, needed, is_dashboard=True, end=end, refresh_id=refresh_id)


PANEL_STREAMS = {PANEL_STREAM: PanelStream}


@bp.route("/ws/admin/", websocket=True)
def panel_stream() -> Response:
    """Send each visit, and the numbers on the panel's live pages, to site admins and viewers, without anything that
    would let them track a visitor.
    """
    return websocket_routes.open_here(PANEL_STREAM, sub_protocols(request).accepted)
