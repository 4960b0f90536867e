"""/ws/analytics/visitors/: the people online in a community, or the active visitors of the site."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from flask import Request, Response, request

from koyjabo.bridges.citinfos import bp
from koyjabo.core.clock import iso
from koyjabo.core.services import Services
from koyjabo.counting.services import CountingServices
from koyjabo.counting.stats import Stats
from koyjabo.realtime.events import STATS_ROOM
from koyjabo.realtime.fanout import OF_ROOM, SITE
from koyjabo.realtime.room import LatestValue
from koyjabo.realtime.rooms import FOLLOWS
from koyjabo.realtime.services import RealtimeServices
from koyjabo.sockets import routes
from koyjabo.sockets.credentials import sub_protocols
from koyjabo.sockets.stream import Connection, Stream

ROOM = "active_visitors"
LOOK_S = 0.25
"""How often a worker with open sockets looks for another number."""


@dataclass(frozen=True, slots=True)
class CitinfosActiveCount:
    """How many visitors of the site are active."""

    type: ClassVar[str] = "visitor_count"
    stats: Stats

    @property
    def revision(self) -> int:
        return self.stats.revision

    def as_object(self) -> dict[str, Any]:
        counted = {"community_id": None, "count": self.stats.active}
        return {"type": self.type, **counted, "revision": self.revision, "timestamp": iso(self.revision)}


class ActiveStream(Stream):
    """For anyone. Every event has the whole number, so that clients need not add."""

    kind = SITE

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._source = LatestValue(
            lambda: CitinfosActiveCount(services[CountingServices].visits.newest()), merge=lambda state: None
        )
        services.lifetime.every(LOOK_S, partial(services[RealtimeServices].rooms.refresh, ROOM))
        services.start()

    def admit(self, connection: Connection, request: Request) -> None:
        self._services[CountingServices].visits.stats()  # reads the current state
        self._services[RealtimeServices].rooms.admit(ROOM, lambda: self._source, connection)

    def send_present(self, connection: Connection) -> None:
        self._services[CountingServices].visits.stats()
        room = self._services[RealtimeServices].rooms.find(ROOM)
        if room is not None:
            room.send_present(connection)

    def disconnected(self, connection: Connection, code: int) -> None:
        room = self._services[RealtimeServices].rooms.find(ROOM)
        if room is not None:
            room.dismiss(connection)
            self._services[RealtimeServices].rooms.close_if_empty(ROOM)


routes.STREAMS[ROOM] = ActiveStream
OF_ROOM[ROOM] = SITE
FOLLOWS[ROOM] = STATS_ROOM


@bp.route("/ws/analytics/visitors/", websocket=True)
def visitors_socket() -> Response:
    """With `community_id`, as /ws/communities/{id}/visitors/."""
    community_id = request.args.get("community_id")
    if not community_id:
        return routes.open_here(ROOM)
    request.view_args = {"community_id": community_id}
    return routes.open_here("visitors", sub_protocols(request).answer)
