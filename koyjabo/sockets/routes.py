"""Routes for plain WebSockets. The site's stream is at `/`, like the home page (specification: Real time).

Admits both kinds of sockets to the site's stats (specification: Real time), and handles the plain WebSockets.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from flask import Blueprint, Flask, Request, Response, current_app, request

from koyjabo.base.core.errors import (
    InvalidInput,
    InvalidMessage,
    KoyJaboError,
    LedgerUnavailable,
    NoWebSockets,
    TooManyRequests,
    close_code,
)
from koyjabo.base.core.services import Services
from koyjabo.base.network import client_address
from koyjabo.base.network.geolocation import UNKNOWN
from koyjabo.base.network.services import NetworkServices
from koyjabo.counting.evidence.attendance import AttendanceWriter
from koyjabo.counting.page_numbers.page_numbers import PageNumbers, page_of
from koyjabo.counting.services import CountingServices
from koyjabo.counting.stats import encode
from koyjabo.presence.services import PresenceServices
from koyjabo.realtime import events
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.realtime.pages_room import Paths
from koyjabo.realtime.services import RealtimeServices
from koyjabo.web.current import services_of
from .credentials import sub_protocols
from .messages import LARGEST_LIST, WRONG_PATHS, VisibleMessage, is_true, visit_id, visitor_id, watched_paths
from .stream import CommunityStream, Connection, Stream

NO_VISITOR = (
    'Send {"type": "visitor", "visitorId": "…"}, with 1 to 128 characters from A–Z a–z 0–9 _ - . : that are not '
    "undefined, null or NaN"
)


def admit(
    services: Services, member: Any, source: Any, request: Request, sent: tuple[object, str | None], is_said: bool
) -> bool:
    """Match a socket with its visitor, and admit it to the room `stats`. `sent` contains the `visitorId` and `visitId`.

    `source` knows when the connection was last heard from. `is_said` means that the client declared its visit
    anonymous. The first event includes the effect of opening the socket. Returns False if the client disconnected
    before it was admitted. Raises TooManyRequests if its visitor has too many sockets.
    """
    sockets = services[PresenceServices].visitor_sockets
    is_anonymous = services[CountingServices].anonymity.is_asked(request.environ, is_said)
    place = services[NetworkServices].places.locate(request.remote_addr, has_city=not is_anonymous)
    (sent_id, visit), address = sent, client_address.limit_key(request.environ)
    visitor = visitor_id(sent_id)
    if visitor is not None and is_anonymous:
        visitor, visit = _hashed(services, visitor, visit)
    registered = visitor is not None and services[CountingServices].visits.arrive(visitor, place)
    sockets.opened(member, sockets.fingerprint(request.environ), visitor, registered, address, place, is_anonymous)
    services[AttendanceWriter].pages.opened(member, source, visit if visitor is not None else None)
    # Read the current state: another worker's message may not have arrived yet.
    services[CountingServices].visits.stats()
    return services[RealtimeServices].rooms.get(STATS_ROOM).admit(member) is not None


def name_visitor(services: Services, member: Any, message: dict[str, Any]) -> str:
    """Match an admitted socket with the visitor named in its message, and return the visitor. The handshake determines
    whether the visit was anonymous. Raises InvalidMessage for an invalid `visitorId` or `visitId`, or if the socket has
    already named a visitor, and TooManyRequests like `admit`.
    """
    visitor, sockets = visitor_id(message.get("visitorId")), services[PresenceServices].visitor_sockets
    visit, known = visit_id(message.get("visitId")), sockets.known(member)
    if visitor is None:
        raise InvalidMessage(NO_VISITOR)
    if known.is_anonymous:
        visitor, visit = _hashed(services, visitor, visit)
    if visitor is None:
        return ""
    registered = services[CountingServices].visits.arrive(visitor, known.place or UNKNOWN)
    sockets.named(member, visitor, registered)
    services[AttendanceWriter].pages.named(member, visit)
    return visitor


def show(services: Services, member: Any, message: VisibleMessage) -> None:
    """Record that a page was shown or hidden, or that there was user input. Never waits.

    A visitId cannot be hashed without the visitorId, so an anonymous page's message applies to the visit of its span.
    """
    is_anonymous = services[PresenceServices].visitor_sockets.known(member).is_anonymous
    named = None if is_anonymous else message.visit_id
    services[AttendanceWriter].pages.show(member, message.visible, message.acted, named)


def _hashed(services: Services, visitor: str, visit: str | None) -> tuple[str | None, str | None]:
    """The hashed visitor and visit. While the ledger is unavailable, both are None, and the socket has no visitor."""
    try:
        return services[CountingServices].anonymity.key_of(visitor, visit)
    except LedgerUnavailable:
        return None, None


def send_stats(services: Services, member: Any) -> dict[str, Any]:
    """Send the current stats to one member, and return them."""
    services[CountingServices].visits.stats()
    return services[RealtimeServices].rooms.get(STATS_ROOM).send_present(member) or {}


def read_paths(services: Services, paths: Sequence[str], address: str) -> Paths:
    """The paths of a list, each with its page. Raises InvalidInput, PageNumbersOff, and TooManyRequests if the address
    sends too many.
    """
    numbers = services[PageNumbers]
    if paths:
        numbers.require_on()
        numbers.count(address, len(paths))
    return [(path, page_of(path)) for path in paths]


def watch_paths(
    services: Services, member: Any, paths: Sequence[str], adds: bool, address: str, is_open: Callable[[], bool]
) -> dict[str, Any]:
    """Make a member of the room `stats` watch the pages that a message names. May block. Raises InvalidMessage, and
    what `watch_pages` raises.
    """
    try:
        pages = read_paths(services, paths, address)
    except InvalidInput:
        raise InvalidMessage(WRONG_PATHS) from None
    return watch_pages(services, member, pages, address, is_open, adds)


def watch_pages(
    services: Services, member: Any, pages: Paths, address: str, is_open: Callable[[], bool], adds: bool = False
) -> dict[str, Any]:
    """Make a member of the room `stats` watch pages. Returns what was sent. May block. Raises what `PagesRoom.watch`
    raises.
    """
    room = services[RealtimeServices].pages
    value = room.watch(member, pages, adds, address)
    if not is_open():
        room.leave(member)
    return value or {}


class StatsStream(Stream):
    kind = "site"
    largest_message = LARGEST_LIST

    def person_of(self, connection: Connection) -> str | None:
        return self._services[PresenceServices].visitor_sockets.visitor_of(connection)

    def admit(self, connection: Connection, request: Request) -> None:
        sent_id, is_said = request.args.get("visitorId"), is_true(request.args.get("anonymous"))
        admit(self._services, connection, connection, request, (sent_id, None), is_said)

    def send_present(self, connection: Connection) -> None:
        send_stats(self._services, connection)

    def _respond(self, connection: Connection, message: dict[str, Any]) -> None:
        if message["type"] == "visitor":
            connection.run_in_order(partial(self._name, connection, message))
        elif message["type"] == "visible":
            show(self._services, connection, VisibleMessage.of(message))
        elif message["type"] == "pages":
            connection.run_in_order(partial(self._watch, connection, *watched_paths(message)))
        else:
            super()._respond(connection, message)

    def _name(self, connection: Connection, message: dict[str, Any]) -> None:
        """Handle a `visitor` message. May block."""
        try:
            self._socket_log.named(name_visitor(self._services, connection, message))
        except InvalidMessage as error:
            self._refuse(connection, error)
        except TooManyRequests as error:
            connection.close(close_code(error), str(error))

    def _watch(self, connection: Connection, paths: Sequence[str], adds: bool) -> None:
        """Handle a `pages` message. May block."""
        try:
            watch_paths(self._services, connection, paths, adds, connection.address, lambda: connection.is_open)
        except InvalidMessage as error:
            self._refuse(connection, error)
        except KoyJaboError as error:
            connection.send(encode(events.error(str(error), error.code)))

    def disconnected(self, connection: Connection, code: int) -> None:
        self._services[RealtimeServices].rooms.get(STATS_ROOM).dismiss(connection)
        self._services[RealtimeServices].pages.leave(connection)
        self._services[AttendanceWriter].pages.closed(connection)
        self._services[PresenceServices].visitor_sockets.closed(connection)


bp = Blueprint("sockets", __name__)

EXTENSION = "koyjabo.streams"
STATS = "stats"


STREAMS: dict[str, Callable[[Services], Stream]] = {
    STATS: StatsStream,
    "visitors": partial(CommunityStream, room="visitors"),
    "visitor_dashboard": partial(CommunityStream, room="visitor_dashboard"),
}


@bp.route("/", websocket=True)
def stats_stream() -> Response:
    """Send every change to the site's stats. The first event already counts this socket."""
    return open_here(STATS)


@bp.route("/ws/communities/<community_id>/visitors/", websocket=True)
def visitors_stream(community_id: str) -> Response:
    """Send how many members of a community are online. The first event includes the client itself. If the community's
    numbers are public, anyone may connect.
    """
    return open_here("visitors", sub_protocols(request).accepted)


@bp.route("/ws/communities/<community_id>/visitor-dashboard/", websocket=True)
def dashboard_stream(community_id: str) -> Response:
    """Send moderators a community's dashboard: today's visitors and who is online. Watching it does not make them count
    as online.
    """
    return open_here("visitor_dashboard", sub_protocols(request).accepted)


def open_here(name: str, protocol: str | None = None) -> Response:
    """Respond to the handshake of the current request."""
    open_stream(current_app._get_current_object(), name, request, protocol)  # type: ignore[attr-defined]
    return Response()


def open_stream(app: Flask, name: str, request: Request, protocol: str | None = None) -> None:
    """Respond to a handshake. Raises NoWebSockets, BadHandshake, UnsupportedWebSocket."""
    websockets = request.environ.get("koyjabo.websockets")
    if websockets is None:
        raise NoWebSockets
    stream_of(app, name).open(websockets, request, protocol)


def stream_of(app: Flask, name: str) -> Stream:
    """The owner of all connections of one kind, a key of STREAMS."""
    streams: dict[str, Stream] = app.extensions.setdefault(EXTENSION, {})
    if name not in streams:
        streams[name] = STREAMS[name](services_of(app))
    return streams[name]
