"""Streams of Server-Sent Events: the rooms of plain WebSockets, for pages that cannot open these (specification:
Streams).

A refusal is an answer of HTTP. A right that is lost later is an event of type `error`, and the end.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Protocol, TypeVar, cast

from flask import Flask, Request

from koyjabo.communities.services import CommunityServices
from koyjabo.core.close_codes import CLOSE_CODES, TOO_MANY, UNEXPECTED
from koyjabo.core.errors import KoyJaboError
from koyjabo.core.services import Services
from koyjabo.core.socket_errors import NoStreams
from koyjabo.counting.services import CountingServices
from koyjabo.counting.stats import encode
from koyjabo.network import client_address
from koyjabo.observability.socket_log import NOWHERE
from koyjabo.realtime.events import STATS_ROOM, Error
from koyjabo.realtime.services import RealtimeServices
from koyjabo.sockets.credentials import identify
from koyjabo.sockets.permitted_streams import CommunityStream
from koyjabo.sockets.site_stream import StatsStream
from koyjabo.sockets.stream import Connection, Stream
from koyjabo.webkit.current import services_of

EXTENSION = "koyjabo.event_streams"
KIND = "streams"


class EventConnection(Connection, Protocol):
    """A stream. `koyjabo.server.websockets.event_stream` implements it, which stands above this package."""

    @property
    def body(self) -> Iterable[bytes]: ...

    def abandon(self) -> None: ...


class ServerSentEvents(Stream):
    """Owns all streams of one path."""

    kind = KIND

    @abstractmethod
    def check(self, request: Request) -> None:
        """Raises the error of the client's credentials, if there is one. May block."""

    def open_stream(self, request: Request) -> Iterable[bytes]:
        """Admit the client. Returns the body of the response. May block.

        Raises the KoyJaboError for a refusal, and NoStreams under another WSGI server.
        """
        streams = request.environ.get("koyjabo.event_streams")
        if streams is None:
            self.check(request)
            raise NoStreams
        connection = self._reserve(streams, request)
        try:
            self.admit(connection, request)
        except Exception as error:
            code = getattr(error, "code", KoyJaboError.code)
            self._record_refusal(connection, request, CLOSE_CODES.get(code, UNEXPECTED), code)
            connection.abandon()
            raise
        self._record_opening(connection)
        return connection.body

    def _reserve(self, streams: Any, request: Request) -> EventConnection:
        try:
            return cast(EventConnection, streams.open(request.environ, self))
        except KoyJaboError:
            address = client_address.limit_key(request.environ)
            self._socket_log.refused(self.kind, address, NOWHERE, TOO_MANY, "no_room")
            raise


class SiteEvents(ServerSentEvents, StatsStream):
    """Its streams belong to no visitor."""

    def check(self, request: Request) -> None: ...

    def admit(self, connection: Connection, request: Request) -> None:
        self._services[CountingServices].visits.stats()  # read the current state: a message may be in transit
        self._services[RealtimeServices].rooms.get(STATS_ROOM).admit(connection)


class CommunityEvents(ServerSentEvents, CommunityStream):
    def __init__(self, services: Services) -> None:
        super().__init__(services, "visitors")
        self.kind = KIND

    def check(self, request: Request) -> None:
        claims = identify(self._services, request, None)
        participant = self._participant(cast(Connection, None), claims, request)
        self._services[CommunityServices].permissions.check(participant.access, participant.refresh_id)

    def _end(self, connection: Connection, problem: KoyJaboError) -> None:
        connection.send(encode(Error(str(problem), problem.code).as_object()))
        super()._end(connection, problem)


Owner = TypeVar("Owner", bound=ServerSentEvents)


def events_of(app: Flask, kind: type[Owner]) -> Owner:
    """The owner of the streams of this kind."""
    owners: dict[type[ServerSentEvents], Any] = app.extensions.setdefault(EXTENSION, {})
    if kind not in owners:
        owners[kind] = kind(services_of(app))
    return cast(Owner, owners[kind])
