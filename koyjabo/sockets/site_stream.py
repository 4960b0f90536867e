"""What happens when somebody opens a socket to the numbers of the site, of either kind (specification: Real time)."""

from __future__ import annotations

from typing import Any

from flask import Request

from koyjabo.application.services import Services
from koyjabo.network import client_address
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.sockets.messages import visitor_id


def welcome(services: Services, member: Any, request: Request, said_id: object) -> bool:
    """Pair a socket with its visitor, by the `visitorId` it said if that is one, and let it into the room `stats`.

    The first event holds what opening the socket changed. False for one that has gone meanwhile. Raises TooManyRequests
    for one too many of its visitor.
    """
    sockets, place = services.presence.visitor_sockets, services.network.places.locate(request.remote_addr)
    is_limited = bool(client_address.counted(request.environ))
    visitor = visitor_id(said_id)
    registered = visitor is not None and services.counting.visits.arrive(visitor, place)
    sockets.opened(member, sockets.caller(request.environ), visitor, registered, is_limited)
    services.counting.visits.stats()  # ask: another worker may know more than this one has heard
    return services.realtime.rooms.of(STATS_ROOM).admit(member) is not None


def tell(services: Services, member: Any) -> dict[str, Any]:
    """Send the present numbers to one member, and return them."""
    services.counting.visits.stats()
    return services.realtime.rooms.of(STATS_ROOM).tell(member) or {}
