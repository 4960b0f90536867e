"""The services that this package offers to other packages."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.cluster.bus import Bus
from koyjabo.base.models import Scope
from koyjabo.base.observability.metrics import SOCKET_KINDS
from koyjabo.base.observability.observability_services import ObservabilityServices
from koyjabo.counting import milestone_queries
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.milestones import Milestones
from koyjabo.counting.stats import base36
from koyjabo.counting.visits import Visits
from .broadcaster import VisitorBroadcaster, visitor_broadcaster
from .events import PANEL_ROOM, SHARED_VIEW_ROOM, STATS_ROOM, dashboard_room, visitors_room
from .fanout import LocalFanout
from .panel_room import PanelRoom
from .rooms import Rooms
from .site_push import SitePush
from .site_room import MilestoneNews, SiteRoom

SOCKETS_OF_ROOMS = {
    STATS_ROOM: "site",
    PANEL_ROOM: "panel",
    SHARED_VIEW_ROOM: "shares",
    dashboard_room(""): "dashboards",
    visitors_room(""): "communities",
}
"""Kinds of plain WebSockets, by room name prefix. Pages in other rooms are also in one of these."""


@dataclass(frozen=True, slots=True)
class RealtimeServices:
    fanout: LocalFanout
    rooms: Rooms
    panel: PanelRoom
    site: SitePush
    broadcaster: VisitorBroadcaster
    bus: Bus
    event_followers: list[Callable[[], object]]
    """Called when this worker has recorded page views or events, before the response to them."""

    def events_recorded(self) -> None:
        for follower in self.event_followers:
            follower()

    def reload_panel(self) -> None:
        """Make the panel pages of this worker request again what they show."""
        self.panel.reload()
        self.rooms.refresh_panel()


def build(base: Base) -> RealtimeServices:
    visits, broadcaster = base.services[Visits], VisitorBroadcaster()
    site, socket_log = visits.site, base.services[ObservabilityServices].socket_log
    if base.cluster.queue is None:
        fanout = LocalFanout()
    else:
        from .message_bus import RoomManager  # imported late: the Redis client takes 15 MB

        fanout = RoomManager(base.cluster.queue)
    fanout.set_up(socket_log.sent, socket_log.sent_to_one, lambda: base36(site.snapshot.epoch))

    def emit(event: str, data: dict[str, Any], room: str) -> None:
        fanout.emit(event, data, room=room)

    for target in (broadcaster, visitor_broadcaster):  # the second one is global, for host programs
        target.bind(emit)
    rooms, interval_s = Rooms(fanout, base.runtime, base.cluster.bus), base.settings.update_interval_ms / 1000
    rooms.open(STATS_ROOM, SiteRoom(visits, milestone_news(base, site), interval_s))
    panel, push = PanelRoom(visits, base.clock), SitePush(rooms, visits)
    visits.follow(push.stats_changed)
    return RealtimeServices(fanout, rooms, panel, push, broadcaster, base.cluster.bus, [])


def milestone_news(base: Base, live_stats: LiveStats) -> MilestoneNews:
    def find(scope: Scope, epoch: int, values: Sequence[int]) -> int | None:
        return base.database.read(milestone_queries.greatest_milestone, scope, epoch, values)

    return MilestoneNews(live_stats, base.services[Milestones], find)


def socket_counts(fanout: LocalFanout) -> dict[str, int]:
    """The sockets of this worker by kind, for the metrics."""
    rooms = fanout.sinks()
    counts = Counter(sink.kind for sink in {sink for sinks in rooms.values() for sink in sinks})
    for room, sinks in rooms.items():
        for start, kind in SOCKETS_OF_ROOMS.items():
            counts[kind] += sum(not sink.kind for sink in sinks) if room.startswith(start) else 0
    return {kind: counts[kind] for kind in SOCKET_KINDS}
