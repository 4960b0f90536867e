"""Counts the sockets of this worker by kind."""

from __future__ import annotations

from koyjabo.cluster.workers import SOCKET_KINDS
from koyjabo.realtime.events import PANEL_ROOM, STATS_ROOM, dashboard_room
from koyjabo.realtime.fanout import LocalFanout

SITE, COMMUNITIES, DASHBOARDS, PANEL, SOCKETIO, STREAMS = SOCKET_KINDS
DASHBOARD = dashboard_room("")
OF_ROOM = {STATS_ROOM: SITE, PANEL_ROOM: PANEL}


def sockets(fanout: LocalFanout) -> dict[str, int]:
    counts = dict.fromkeys(SOCKET_KINDS, 0)
    counts[SOCKETIO], counts[STREAMS] = fanout.clients(), fanout.streams()
    for room, members in fanout.plain_sockets().items():
        counts[_kind(room)] += members
    return counts


def _kind(room: str) -> str:
    return OF_ROOM.get(room) or (DASHBOARDS if room.startswith(DASHBOARD) else COMMUNITIES)
