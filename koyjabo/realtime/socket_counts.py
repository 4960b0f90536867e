"""Counts the sockets of this worker by kind, for the metrics."""

from koyjabo.base.observability.metrics import SOCKET_KINDS
from .events import PANEL_ROOM, SHARED_VIEW_ROOM, STATS_ROOM, dashboard_room, visitors_room
from .fanout import LocalFanout

SITE_SOCKETS, COMMUNITY_SOCKETS, DASHBOARD_SOCKETS, PANEL_SOCKETS, SHARE_SOCKETS, SOCKETIO_CLIENTS, EVENT_STREAMS = (
    SOCKET_KINDS
)

SOCKETS_OF_ROOMS = {
    STATS_ROOM: SITE_SOCKETS,
    PANEL_ROOM: PANEL_SOCKETS,
    SHARED_VIEW_ROOM: SHARE_SOCKETS,
    dashboard_room(""): DASHBOARD_SOCKETS,
    visitors_room(""): COMMUNITY_SOCKETS,
}
"""Kinds of sockets, by room name prefix. Pages in other rooms are also in one of these."""


def socket_counts(fanout: LocalFanout) -> dict[str, int]:
    counts = dict.fromkeys(SOCKET_KINDS, 0)
    counts[SOCKETIO_CLIENTS], counts[EVENT_STREAMS] = fanout.clients(), fanout.streams()
    for room, members in fanout.plain_sockets().items():
        for start, kind in SOCKETS_OF_ROOMS.items():
            counts[kind] += members if room.startswith(start) else 0
    return counts
