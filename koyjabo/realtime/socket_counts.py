"""Counts the sockets of this worker by kind, for the metrics."""

from collections import Counter

from koyjabo.base.observability.metrics import SOCKET_KINDS
from .events import PANEL_ROOM, SHARED_VIEW_ROOM, STATS_ROOM, dashboard_room, visitors_room
from .fanout import LocalFanout

SOCKETS_OF_ROOMS = {
    STATS_ROOM: "site",
    PANEL_ROOM: "panel",
    SHARED_VIEW_ROOM: "shares",
    dashboard_room(""): "dashboards",
    visitors_room(""): "communities",
}
"""Kinds of plain WebSockets, by room name prefix. Pages in other rooms are also in one of these."""


def socket_counts(fanout: LocalFanout) -> dict[str, int]:
    rooms = fanout.sinks()
    counts = Counter(sink.kind for sink in {sink for sinks in rooms.values() for sink in sinks})
    for room, sinks in rooms.items():
        for start, kind in SOCKETS_OF_ROOMS.items():
            counts[kind] += sum(not sink.kind for sink in sinks) if room.startswith(start) else 0
    return {kind: counts[kind] for kind in SOCKET_KINDS}
