"""GET /api/stream and /api/communities/{id}/stream: changes as Server-Sent Events (specification: Streams). The models
describe the events that `koyjabo.realtime.events` creates.
"""

from collections.abc import Iterable
from typing import Any, Literal

from flask import Response, current_app, request
from pydantic import BaseModel, Field

from koyjabo.counting.schemas.responses import LastVisitResponse, StatsResponse
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.openapi.describe import describe
from koyjabo.web.openapi.refusals import COMMUNITY_REFUSALS
from koyjabo.web.openapi.response_specs import ResponseSpec, StreamOf
from .event_streams import COMMUNITY_STREAM, SITE_STREAM, CommunityEvents, SiteEvents
from .routes import OPENED_STREAMS, stream_of
from .site_parts import SITE_EVENTS, STREAM_QUERY, STREAM_RESPONSES

bp = api_blueprint("sockets")

declare(bp, "/socket.io/", PathPolicy.ANYONE)
declare(bp, "/ws/", PathPolicy.OWN)
declare(bp, "/api/stream", PathPolicy.ANYONE, tag="visits")
declare(bp, "/api/communities/<community_id>/stream", PathPolicy.ANYONE)


STREAM_HEADERS = [("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")]

STREAM_LIMITS: dict[int, ResponseSpec] = {
    429: "too many connections from this address; see Retry-After",
    501: "the application runs under another WSGI server",
    503: "no room for another connection, or the database is unavailable; see Retry-After",
}

MILESTONE = Field(
    None, description="the highest milestone reached since the previous event; usually missing", examples=[5000]
)


OPENED_STREAMS |= {SITE_STREAM: SiteEvents, COMMUNITY_STREAM: CommunityEvents}


class SiteUpdateEvent(BaseModel):
    """The site's stats, sent immediately and after every change."""

    type: Literal["visitor_update"]
    stats: StatsResponse
    last: LastVisitResponse | None = Field(description="the newest visit; null before the first one")
    milestone: int | None = MILESTONE


class CommunityUpdateEvent(BaseModel):
    """The stats of a community, sent whenever a visit changes them."""

    type: Literal["visitor_update"]
    community_id: str
    stats: StatsResponse
    milestone: int | None = MILESTONE


class CountEvent(BaseModel):
    type: str
    community_id: str
    count: int = Field(description="members who are online now", examples=[42])
    change: int = Field(description="since the previous event")
    revision: int = Field(description="increases with every event; time in ms since 1970", examples=[1765860518412])
    timestamp: str = Field(examples=["2025-12-16T04:48:38.412Z"])


class VisitorCountEvent(CountEvent):
    """The number of members online. Sent immediately, and whenever the number changes by more than one."""

    type: Literal["visitor_count"]


class VisitorJoinedEvent(CountEvent):
    """A member has come online."""

    type: Literal["visitor_joined"]
    change: Literal[1]


class VisitorLeftEvent(CountEvent):
    """A member has gone offline."""

    type: Literal["visitor_left"]
    change: Literal[-1]


class MessageEvent(BaseModel):
    """A program's message to the members online."""

    type: Literal["message"]
    community_id: str
    data: Any = Field(description="any JSON value", examples=[{"kind": "typing"}])
    timestamp: str = Field(examples=["2025-12-16T04:48:38.412Z"])


class LostRightEvent(BaseModel):
    """The client is no longer permitted to use the stream, so the stream ends."""

    type: Literal["error"]
    error: str = Field(description="a sentence a person can act on")
    message: str = Field(description="the same")
    code: str = Field(description="for programs; stable", examples=["forbidden"])


SITE_EVENTS.append(SiteUpdateEvent)
STREAM_RESPONSES.update({200: StreamOf(SITE_EVENTS), **STREAM_LIMITS})
COMMUNITY_EVENTS = (
    *(VisitorCountEvent, VisitorJoinedEvent, VisitorLeftEvent, CommunityUpdateEvent),
    *(MessageEvent, LostRightEvent),
)


@bp.get("/stream")
@describe(
    "Stream the stats of the site",
    STREAM_RESPONSES,
    query=STREAM_QUERY,
)
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
