"""GET /api/stream and /api/communities/{id}/stream: changes as Server-Sent Events (specification: Streams). The models
describe the events that `koyjabo.realtime.events` creates.
"""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Literal, cast

from flask import Request, Response, current_app, request
from pydantic import BaseModel, Field

from koyjabo.base.core.errors import CLOSE_CODES, TOO_MANY, UNEXPECTED, KoyJaboError, NoStreams
from koyjabo.base.core.services import Services
from koyjabo.base.network import client_address
from koyjabo.base.observability.socket_log import NOWHERE
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.page_numbers.schemas import PagesResponse, paths_of
from koyjabo.counting.schemas.responses import LastVisitResponse, StatsResponse
from koyjabo.counting.services import CountingServices
from koyjabo.counting.stats import encode
from koyjabo.realtime import events
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.realtime.pages_room import Paths
from koyjabo.realtime.services import RealtimeServices
from koyjabo.web.current import api as bp
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.openapi.describe import INSIDE, ResponseSpec, StreamOf, describe
from .credentials import identify
from .routes import STREAMS, StatsStream, read_paths, stream_of, watch_pages
from .stream import CommunityStream, Connection, Stream

declare(bp, "/socket.io/", PathPolicy.ANYONE)
declare(bp, "/ws/", PathPolicy.OWN)
declare(bp, "/api/stream", PathPolicy.ANYONE, tag="visits")
declare(bp, "/api/communities/<community_id>/stream", PathPolicy.ANYONE)

KIND = "streams"


class ServerSentEvents(Stream):
    """All streams on one path, for pages that cannot open a WebSocket. They join the same rooms as plain WebSockets.

    A refusal is an HTTP response. If a client later loses its permission, it receives an event of type `error`, and the
    stream ends.
    """

    kind = KIND

    @abstractmethod
    def check(self, request: Request) -> None:
        """Check the client's credentials, if it sent any. Raises their error. May block."""

    def open_stream(self, request: Request) -> Iterable[bytes]:
        """Admit the client, and return the response body. May block. Raises a KoyJaboError if the client is refused,
        and NoStreams under another WSGI server.
        """
        streams = request.environ.get("koyjabo.event_streams")
        if streams is None:
            self.check(request)
            raise NoStreams
        try:
            connection: Any = streams.open(request.environ, self)  # a `koyjabo.server.websockets.event_stream`
        except KoyJaboError:
            address = client_address.limit_key(request.environ)
            self._socket_log.refused(self.kind, address, NOWHERE, TOO_MANY, "no_room")
            raise
        try:
            self.admit(connection, request)
        except Exception as error:
            code = getattr(error, "code", KoyJaboError.code)
            self._record_refusal(connection, request, CLOSE_CODES.get(code, UNEXPECTED), code)
            connection.abandon()
            raise
        self._record_opening(connection)
        body: Iterable[bytes] = connection.body
        return body


class SiteEvents(ServerSentEvents, StatsStream):
    """Streams of the site's stats. They belong to no visitor."""

    def check(self, request: Request) -> None:
        _pages(self._services, request)

    def admit(self, connection: Connection, request: Request) -> None:
        pages = _pages(self._services, request)
        # Read the current state: another worker's message may not have arrived yet.
        self._services[CountingServices].visits.stats()
        self._services[RealtimeServices].rooms.get(STATS_ROOM).admit(connection)
        if pages:
            watch_pages(self._services, connection, pages, connection.address, lambda: connection.is_open)


def _pages(services: Services, request: Request) -> Paths:
    """The pages that a stream watches. Raises InvalidInput, PageNumbersOff, TooManyRequests."""
    paths = list(dict.fromkeys(paths_of(request.environ)))
    return read_paths(services, paths, client_address.limit_key(request.environ))


class CommunityEvents(ServerSentEvents, CommunityStream):
    def __init__(self, services: Services) -> None:
        super().__init__(services, "visitors")
        self.kind = KIND

    def check(self, request: Request) -> None:
        claims = identify(self._services, request, None)
        participant = self._participant(cast(Connection, None), claims, request)
        self._services[CommunityServices].permissions.check(participant.access, participant.refresh_id)

    def _end(self, connection: Connection, problem: KoyJaboError) -> None:
        connection.send(encode(events.error(str(problem), problem.code)))
        super()._end(connection, problem)


OF_SITE, OF_COMMUNITY = "site events", "community events"
STREAMS |= {OF_SITE: SiteEvents, OF_COMMUNITY: CommunityEvents}

STREAM_HEADERS = [("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")]
STREAM_LIMITS: dict[int, ResponseSpec] = {
    429: "too many connections from this address; see Retry-After",
    501: "the application runs under another WSGI server",
    503: "no room for another connection, or the database is unavailable; see Retry-After",
}
MILESTONE = Field(
    None, description="the highest milestone reached since the previous event; usually missing", examples=[5000]
)


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


class PageUpdateEvent(PagesResponse):
    """The views of the pages in `path`, sent immediately, and of changed pages after every change."""

    type: Literal["page_update"]


SITE_EVENTS = (SiteUpdateEvent, PageUpdateEvent)
COMMUNITY_EVENTS = (
    *(VisitorCountEvent, VisitorJoinedEvent, VisitorLeftEvent, CommunityUpdateEvent),
    *(MessageEvent, LostRightEvent),
)


@bp.get("/stream")
@describe(
    "Stream the stats of the site",
    {
        200: StreamOf(SITE_EVENTS),
        400: "a path is wrong, or there are more than 100",
        404: "this server shows the number of no page (PAGE_NUMBERS)",
        **STREAM_LIMITS,
    },
    query={"path": "path of a page whose number to send, up to 100 times"},
)
def stream() -> Response:
    """Open a stream of Server-Sent Events with everything that a WebSocket at `/` receives. The stream belongs to no
    visitor.
    """
    return _open(OF_SITE)


@bp.get("/communities/<community_id>/stream")
@describe(
    "Stream a community's events",
    {200: StreamOf(COMMUNITY_EVENTS), **INSIDE, **STREAM_LIMITS},
    query={"token": "an access token, if no header or cookie contains it"},
)
def community_stream(community_id: str) -> Response:
    """Open a community's stream of Server-Sent Events. Members count as online while it is open. If `public_count` is
    true, anyone may open it.
    """
    return _open(OF_COMMUNITY)


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
