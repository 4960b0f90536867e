"""The services that this package offers to other packages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.cluster.bus import Bus
from koyjabo.base.models import Scope
from koyjabo.base.observability.services import ObservabilityServices
from koyjabo.counting import milestone_queries
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.milestones import Milestones
from koyjabo.counting.page_numbers.page_numbers import PageNumbers
from koyjabo.counting.stats import base36
from koyjabo.counting.visits import Visits
from .broadcaster import VisitorBroadcaster, visitor_broadcaster
from .events import PAGES_ROOM, STATS_ROOM
from .fanout import LocalFanout
from .pages_room import PagesRoom, PagesSource
from .panel_room import PanelRoom
from .rooms import Rooms
from .site_push import SitePush
from .site_room import MilestoneNews, SiteRoom


@dataclass(frozen=True, slots=True)
class RealtimeServices:
    fanout: LocalFanout
    rooms: Rooms
    pages: PagesRoom
    panel: PanelRoom
    site: SitePush
    broadcaster: VisitorBroadcaster
    bus: Bus

    def reload_panel(self) -> None:
        """Make the panel pages of this worker request again what they show."""
        self.panel.reload()
        self.rooms.refresh_panel()

    def send_pages_again(self) -> None:
        """Send all watched pages again, because other pages show their number."""
        self.pages.source.numbers.begin_again()
        self.pages.send_again()

    def pages_changed(self, _: object = None) -> None:
        """Announce that this worker has recorded views of pages."""
        if self.pages.source.numbers.is_on:
            self.rooms.changed(PAGES_ROOM, lambda: None)


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
    pages = rooms.open(PAGES_ROOM, PagesSource(base.services[PageNumbers], interval_s), PagesRoom)
    panel, push = PanelRoom(visits, base.clock), SitePush(rooms, visits)
    visits.follow(push.stats_changed)
    services = RealtimeServices(fanout, rooms, pages, panel, push, broadcaster, base.cluster.bus)
    visits.follow(services.pages_changed)
    return services


def milestone_news(base: Base, live_stats: LiveStats) -> MilestoneNews:
    def find(scope: Scope, epoch: int, values: Sequence[int]) -> int | None:
        return base.database.read(milestone_queries.greatest_milestone, scope, epoch, values)

    return MilestoneNews(live_stats, base.services[Milestones], find)
