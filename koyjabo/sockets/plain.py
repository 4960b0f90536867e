"""Plain WebSockets. The stream of the site is at `/`, beside the page (SPEC: Real time)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from functools import partial
from typing import Any, Protocol

from flask import Blueprint, Response, current_app, request

from koyjabo.errors import InvalidMessage, NoWebSockets
from koyjabo.events import ABUSE, STATS_ROOM, Error, Pong
from koyjabo.services import Services
from koyjabo.sockets.arrival import tell, welcome
from koyjabo.sockets.messages import LARGEST_MESSAGE, MOST_ERRORS, parse, unknown
from koyjabo.stats import encode

bp = Blueprint("sockets", __name__)

UNEXPECTED = 1011
EXTENSION = "koyjabo.stats_stream"


@bp.route("/", websocket=True)
def stats_stream() -> Response:
    """Every change of the site's numbers. The first event holds what opening the socket changed."""
    websockets = request.environ.get("koyjabo.websockets")
    if websockets is None:
        raise NoWebSockets
    streams = current_app.extensions
    if EXTENSION not in streams:
        streams[EXTENSION] = StatsStream(Services.of(current_app))
    streams[EXTENSION].open(websockets, request)
    return Response()


class Connection(Hashable, Protocol):
    """A WebSocket (see `koyjabo.server.connection`)."""

    @property
    def is_open(self) -> bool: ...

    def start(self) -> None: ...

    def send(self, text: str) -> None: ...

    def write(self, data: bytes) -> None: ...

    def close(self, code: int | None, reason: str = "") -> None: ...

    def in_turn(self, call: Any) -> None: ...


class StatsStream:
    """The owner of all connections at `/`."""

    largest_message = LARGEST_MESSAGE
    pings = True

    def __init__(self, services: Services) -> None:
        self._services = services
        self._errors: Counter[Connection] = Counter()

    def open(self, websockets: Any, request: Any) -> None:
        """Accept a handshake. Raises BadHandshake, UnsupportedWebSocket."""
        connection = websockets.accept(request.environ, self)
        try:
            if connection.is_open:  # and not one too many
                welcome(self._services, connection, request, request.args.get("visitorId"))
        except Exception:
            connection.close(UNEXPECTED)
            raise
        finally:
            connection.start()

    def received(self, connection: Connection, message: str | bytes) -> None:
        try:
            self._answer(connection, parse(message)["type"])
        except InvalidMessage as error:
            self._refuse(connection, error)

    def ended(self, connection: Connection, code: int) -> None:
        services = self._services
        services.rooms.of(STATS_ROOM).dismiss(connection)
        services.pairing.closed(connection)
        self._errors.pop(connection, None)

    def _answer(self, connection: Connection, kind: str) -> None:
        if kind == "ping":
            _send(connection, Pong(self._services.clock.now_ms()))
        elif kind == "request_count":
            connection.in_turn(partial(tell, self._services, connection))
        else:
            raise unknown(kind)

    def _refuse(self, connection: Connection, error: InvalidMessage) -> None:
        self._errors[connection] += 1
        _send(connection, Error(str(error), error.code))
        if self._errors[connection] >= MOST_ERRORS:
            connection.close(ABUSE, "too many messages that are none")


def _send(connection: Connection, event: Pong | Error) -> None:
    connection.send(encode(event.as_object()))
