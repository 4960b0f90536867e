"""Counts the sockets of this worker by kind."""

from __future__ import annotations

from koyjabo.cluster.workers import SOCKET_KINDS
from koyjabo.realtime.events import STATS_ROOM, dashboard_room
from koyjabo.realtime.fanout import LocalFanout

SITE, COMMUNITIES, DASHBOARDS, SOCKETIO = SOCKET_KINDS
DASHBOARD = dashboard_room("")


def sockets(fanout: LocalFanout) -> dict[str, int]:
    counts = dict.fromkeys(SOCKET_KINDS, 0)
    counts[SOCKETIO] = fanout.clients()
    for room, members in fanout.plain_sockets().items():
        counts[_kind(room)] += members
    return counts


def _kind(room: str) -> str:
    if room == STATS_ROOM:
        return SITE
    return DASHBOARDS if room.startswith(DASHBOARD) else COMMUNITIES
