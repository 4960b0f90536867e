"""Admits sockets of both kinds to the site's statistics (specification: Real time)."""

from __future__ import annotations

from typing import Any

from flask import Request

from koyjabo.core.errors import InvalidMessage, LedgerUnavailable
from koyjabo.core.services import Services
from koyjabo.counting.services import CountingServices
from koyjabo.network import client_address
from koyjabo.network.geolocation import UNKNOWN
from koyjabo.network.services import NetworkServices
from koyjabo.presence.services import PresenceServices
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.realtime.services import RealtimeServices
from koyjabo.sockets.messages import visitor_id

NO_VISITOR = 'Send {"type": "visitor", "visitorId": "…"}, with 1 to 128 characters out of A–Z a–z 0–9 _ - . :'


def admit(services: Services, member: Any, request: Request, sent_id: object, is_said: bool) -> bool:
    """Match a socket with its visitor, by its `visitorId` if that is valid, and admit it to the room `stats`. With
    `is_said`, the client says that its visit was anonymous.

    The first event includes the effect of opening the socket. Returns False if the client has disconnected before it
    was admitted. Raises TooManyRequests if its visitor has too many sockets.
    """
    sockets = services[PresenceServices].visitor_sockets
    is_anonymous = services[CountingServices].anonymity.is_asked(request.environ, is_said)
    place = services[NetworkServices].places.locate(request.remote_addr, has_city=not is_anonymous)
    visitor, address = visitor_id(sent_id), client_address.limit_key(request.environ)
    if visitor is not None and is_anonymous:
        visitor = _hashed(services, visitor)
    registered = visitor is not None and services[CountingServices].visits.arrive(visitor, place)
    sockets.opened(member, sockets.fingerprint(request.environ), visitor, registered, address, place, is_anonymous)
    services[CountingServices].visits.stats()  # read the current state: a message from another worker may be in transit
    return services[RealtimeServices].rooms.get(STATS_ROOM).admit(member) is not None


def name_visitor(services: Services, member: Any, sent_id: object) -> str:
    """Match an admitted socket with the visitor that it names. Returns the visitor, whose visit was anonymous if the
    handshake said so.

    Raises InvalidMessage for an invalid `visitorId` and a socket that has named one before, TooManyRequests as `admit`.
    """
    visitor, sockets = visitor_id(sent_id), services[PresenceServices].visitor_sockets
    if visitor is None:
        raise InvalidMessage(NO_VISITOR)
    if sockets.is_anonymous(member):
        visitor = _hashed(services, visitor)
    if visitor is None:
        return ""
    registered = services[CountingServices].visits.arrive(visitor, sockets.place_of(member) or UNKNOWN)
    sockets.named(member, visitor, registered)
    return visitor


def _hashed(services: Services, visitor: str) -> str | None:
    """None if the ledger is unavailable: the socket is then open without a visitor."""
    try:
        return services[CountingServices].anonymity.known_as(visitor)
    except LedgerUnavailable:
        return None


def send_stats(services: Services, member: Any) -> dict[str, Any]:
    """Send the current statistics to one member, and return them."""
    services[CountingServices].visits.stats()
    return services[RealtimeServices].rooms.get(STATS_ROOM).send_present(member) or {}
