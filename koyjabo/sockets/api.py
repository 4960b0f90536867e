"""GET /api/stream and /api/communities/{id}/stream: changes as Server-Sent Events (specification: Streams)."""

from collections.abc import Iterable
from typing import Any

from flask import Response, current_app, request

from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.openapi.describe import describe
from koyjabo.web.openapi.refusals import COMMUNITY_REFUSALS
from koyjabo.web.openapi.response_specs import StreamOf
from .event_streams import COMMUNITY_STREAM, SITE_STREAM
from .schemas import (
    CommunityUpdateEvent,
    LostRightEvent,
    MembersOnlineEvent,
    MessageEvent,
    VisitorCountEvent,
    VisitorJoinedEvent,
    VisitorLeftEvent,
)
from .site_parts import STREAM_LIMITS, STREAM_QUERY, STREAM_RESPONSES
from .websocket_routes import stream_of

bp = api_blueprint("sockets")

declare(bp, "/socket.io", PathPolicy.ANYONE)
declare(bp, "/ws/", PathPolicy.OWN)
declare(bp, "/api/stream", PathPolicy.ANYONE, tag="visits")
declare(bp, "/api/communities/<community_id>/stream", PathPolicy.ANYONE)


STREAM_HEADERS = [("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")]

COMMUNITY_EVENTS = (
    *(VisitorCountEvent, VisitorJoinedEvent, VisitorLeftEvent, CommunityUpdateEvent),
    *(MembersOnlineEvent, MessageEvent, LostRightEvent),
)


@bp.get("/stream")
@describe("Stream the stats of the site", STREAM_RESPONSES, query=STREAM_QUERY)
def stream() -> Response:
    """Open a stream of Server-Sent Events with everything that a WebSocket at `/` receives. The stream belongs to no
    visitor.
    """
    return _open(SITE_STREAM)


@bp.get("/communities/<community_id>/stream")
@describe(
    "Stream a community's events",
    {200: StreamOf(COMMUNITY_EVENTS), **COMMUNITY_REFUSALS, **STREAM_LIMITS},
    query={"token": "an access token, if no header or cookie contains it"},
)
def community_stream(community_id: str) -> Response:
    """Open a community's stream of Server-Sent Events. Members count as online while it is open. If `public_count` is
    true, anyone may open it.
    """
    return _open(COMMUNITY_STREAM)


def _open(name: str) -> Response:
    """Open a stream for the current request. For HEAD, only check the request. Raises the same errors as
    `open_stream`.
    """
    streams: Any = stream_of(current_app._get_current_object(), name)  # type: ignore[attr-defined]
    body: Iterable[bytes] = ()
    if request.method == "HEAD":
        streams.check(request)
    else:
        body = streams.open_stream(request)
    return Response(body, headers=STREAM_HEADERS, mimetype="text/event-stream", direct_passthrough=True)
