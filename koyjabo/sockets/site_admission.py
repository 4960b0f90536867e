"""Admits plain WebSockets and Socket.IO clients to the site's stats, with their visitors (specification: Real time)."""

from typing import Any

from flask import Request

from koyjabo.base.core.errors import InvalidMessage, LedgerUnavailable
from koyjabo.base.core.services import Services
from koyjabo.base.network import client_address
from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.base.network.location_names import UNKNOWN_LOCATION
from koyjabo.counting.anonymity import Anonymity
from koyjabo.counting.evidence.attendance_writer import AttendanceWriter
from koyjabo.counting.visits import Visits
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.realtime.services import RealtimeServices
from .messages import VisibleMessage, visit_id, visitor_id

NO_VISITOR = (
    'Send {"type": "visitor", "visitorId": "…"}, with 1 to 128 characters from A–Z a–z 0–9 _ - . : that are not '
    "undefined, null or NaN"
)


def admit(
    services: Services, member: Any, source: Any, request: Request, sent: tuple[object, str | None], is_said: bool
) -> bool:
    """Match a socket with its visitor, and admit it to the room `stats`. `sent` contains the `visitorId` and `visitId`.

    `source` knows when the connection was last heard from. `is_said` means that the client declared its visit
    anonymous. The first event already counts this socket. Returns False if the client disconnected before it was
    admitted. Raises TooManyRequests if its visitor has too many sockets.
    """
    sockets = services[VisitorSockets]
    is_anonymous = services[Anonymity].is_requested(request.environ, is_said)
    place = services[LocationFinder].locate(request.remote_addr, has_city=not is_anonymous)
    (sent_id, visit), address = sent, client_address.limit_key(request.environ)
    visitor = visitor_id(sent_id)
    if visitor is not None and is_anonymous:
        visitor, visit = _hashed(services, visitor, visit)
    registered = visitor is not None and services[Visits].arrive(visitor, place)
    derived = client_address.derived_visitor(request.environ) if is_said and visitor is None else None
    fingerprint = sockets.fingerprint(request.environ)
    sockets.opened(member, fingerprint, visitor, registered, address, place, is_anonymous, derived)
    services[AttendanceWriter].open_pages.opened(member, source, visit if visitor is not None else None)
    # Read the current state: another worker's message may not have arrived yet.
    services[Visits].stats()
    return services[RealtimeServices].rooms.get(STATS_ROOM).admit(member) is not None


def name_visitor(services: Services, member: Any, message: dict[str, Any]) -> str:
    """Match an admitted socket with the visitor named in its message, and return the visitor. The handshake determines
    whether the visit was anonymous, and who the visitor is if the message names none and the handshake says that the
    page is anonymous. Raises InvalidMessage for an invalid `visitorId` or `visitId`, or if the socket has
    already named a visitor, and TooManyRequests like `admit`.
    """
    visitor, sockets = visitor_id(message.get("visitorId")), services[VisitorSockets]
    visit, known = visit_id(message.get("visitId")), sockets.known(member)
    is_derived = "visitorId" not in message and known.derived_id is not None
    visitor = known.derived_id if is_derived else visitor
    if visitor is None:
        raise InvalidMessage(NO_VISITOR)
    if known.is_anonymous:
        visitor, visit = _hashed(services, visitor, visit)
    if visitor is None:
        return ""
    registered = services[Visits].arrive(visitor, known.place or UNKNOWN_LOCATION)
    sockets.named(member, visitor, registered, is_shared=is_derived)
    services[AttendanceWriter].open_pages.named(member, visit)
    return visitor


def show(services: Services, member: Any, message: VisibleMessage) -> None:
    """Record that a page was shown or hidden, or that there was user input. Never waits.

    A visitId cannot be hashed without the visitorId, so an anonymous page's message applies to the visit of its span.
    """
    is_anonymous = services[VisitorSockets].known(member).is_anonymous
    named = None if is_anonymous else message.visit_id
    services[AttendanceWriter].open_pages.show(member, message.visible, message.acted, named)


def _hashed(services: Services, visitor: str, visit: str | None) -> tuple[str | None, str | None]:
    """The hashed visitor and visit. While the ledger is unavailable, both are None, and the socket has no visitor."""
    try:
        return services[Anonymity].key_of(visitor, visit)
    except LedgerUnavailable:
        return None, None


def send_stats(services: Services, member: Any) -> dict[str, Any]:
    """Send the current stats to one member, and return them."""
    services[Visits].stats()
    return services[RealtimeServices].rooms.get(STATS_ROOM).send_present(member) or {}
