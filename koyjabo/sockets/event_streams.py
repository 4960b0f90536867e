"""Server-Sent Events, which join the same rooms as WebSockets (specification: Streams)."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, cast

from flask import Request

from koyjabo.base.core.close_codes import CODES_BY_ERROR, TRY_AGAIN_LATER, UNEXPECTED_ERROR
from koyjabo.base.core.errors import KoyJaboError, NoStreams
from koyjabo.base.core.services import Services
from koyjabo.base.network import client_address
from koyjabo.base.observability.socket_log import NO_COMMUNITY_TEXT
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.stats import encode
from koyjabo.counting.visits import Visits
from koyjabo.realtime import events
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.realtime.services import RealtimeServices
from .credentials import identify
from .permitted_streams import CommunityStream
from .site_parts import SITE_PARTS
from .site_stream import StatsStream
from .stream import Connection, Stream

STREAM_KIND = "streams"
SITE_STREAM, COMMUNITY_STREAM = "site events", "community events"


class ServerSentEvents(Stream):
    """All streams on one path, for pages that cannot open a WebSocket. They join the same rooms as plain WebSockets.

    A refusal is an HTTP response. If a client later loses its permission, it receives an event of type `error`, and the
    stream ends.
    """

    kind = STREAM_KIND

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
            self._socket_log.refused(self.kind, address, NO_COMMUNITY_TEXT, TRY_AGAIN_LATER, "no_room")
            raise
        try:
            self.admit(connection, request)
        except Exception as error:
            code = getattr(error, "code", KoyJaboError.code)
            self._record_refusal(connection, request, CODES_BY_ERROR.get(code, UNEXPECTED_ERROR), code)
            connection.abandon()
            raise
        self._record_opening(connection)
        body: Iterable[bytes] = connection.body
        return body


class SiteEvents(ServerSentEvents, StatsStream):
    """Streams of the site's stats. They belong to no visitor."""

    def check(self, request: Request) -> None:
        for part in SITE_PARTS.values():
            part.requested(self._services, request.environ)

    def admit(self, connection: Connection, request: Request) -> None:
        requested = [(part, part.requested(self._services, request.environ)) for part in SITE_PARTS.values()]
        # Read the current state: another worker's message may not have arrived yet.
        self._services[Visits].stats()
        self._services[RealtimeServices].rooms.get(STATS_ROOM).admit(connection)
        for part, value in requested:
            if value:
                part.join(self._services, connection, value, lambda: connection.is_open)


class CommunityEvents(ServerSentEvents, CommunityStream):
    def __init__(self, services: Services) -> None:
        super().__init__(services, "visitors")
        self.kind = STREAM_KIND

    def check(self, request: Request) -> None:
        claims = identify(self._services, request, None)
        participant = self._participant(cast(Connection, None), claims, request)
        self._services[CommunityServices].permissions.check(participant.access, participant.refresh_id)

    def _end(self, connection: Connection, problem: KoyJaboError) -> None:
        connection.send(encode(events.error(str(problem), problem.code)))
        super()._end(connection, problem)
