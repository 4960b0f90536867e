"""The public number of each page: its views since the beginning, and today. Begin with `page_numbers.py`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api", "watched_pages", "page_value")
TABLES = ("models",)
UPKEEP = ("page_total_queries:PageNumberRules",)
FILLS = {
    "sockets.site_parts:SITE_EVENTS": "watched_pages:PAGES_EVENTS",
    "sockets.site_parts:SITE_PARTS": "watched_pages:PAGES_PARTS",
    "sockets.site_parts:STREAM_QUERY": "watched_pages:PATH_QUERY",
    "sockets.site_parts:STREAM_RESPONSES": "watched_pages:PATH_RESPONSES",
    "site.shown_values:PAGE_VALUES": "page_value:PAGE_VIEWS",
    "web.panel.server_page:SERVER_ROWS": "page_value:PAGE_ROWS",
}


def register(base: "Base") -> None:
    from functools import partial

    from koyjabo.base.cluster.base import TICK_S
    from koyjabo.counting.visits import Visits
    from koyjabo.realtime.services import RealtimeServices
    from .page_numbers import PageNumbers
    from .page_settings_follower import PageSettingsFollower
    from .page_totals import PageTotals
    from .page_update import PAGES_ROOM
    from .pages_room import PagesRoom
    from .pages_source import PagesSource

    services, realtime = base.services, base.services[RealtimeServices]
    rooms = realtime.rooms
    numbers = services.add(PageNumbers(base))
    source = PagesSource(numbers, base.settings.update_interval_ms / 1000)
    services.add(rooms.open(PAGES_ROOM, source, PagesRoom))
    totals = services.add(PageTotals(base))

    def views_changed(_: object = None) -> None:
        """Announce that this worker has recorded views of pages."""
        if numbers.is_on:
            rooms.changed(PAGES_ROOM, lambda: None)

    services[Visits].follow(views_changed)
    realtime.event_followers.append(views_changed)
    base.on(base.signals.settings_changed, PageSettingsFollower(base).follow)
    base.every(TICK_S, partial(rooms.refresh, PAGES_ROOM))
    base.every(TICK_S, totals.tick)
