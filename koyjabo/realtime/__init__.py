"""Realtime decides who receives an event, how often, and how it reaches other workers, without database queries. Begin
with `room.py`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base
    from .broadcaster import VisitorBroadcaster, visitor_broadcaster

__all__ = ["VisitorBroadcaster", "visitor_broadcaster"]


def register(base: "Base") -> None:
    from functools import partial

    from koyjabo.base.cluster.base import TICK_S
    from koyjabo.base.models import SITE
    from koyjabo.base.observability.all_metrics import CONNECTIONS_GAUGE, REFUSED_MESSAGES_GAUGE
    from koyjabo.base.observability.observability_services import ObservabilityServices
    from koyjabo.counting.visits import Visits
    from koyjabo.presence.visitors.active_visitors import ActiveVisitors
    from koyjabo.presence.visitors.visitor_sockets import VisitorSockets
    from .events import STATS_ROOM
    from .services import build, socket_counts

    realtime = base.services.add(build(base))
    rooms, interval_s = realtime.rooms, min(TICK_S, base.settings.active_window_seconds / 4)
    refresh = partial(rooms.refresh, STATS_ROOM), rooms.refresh_panel
    base.every(interval_s, base.services[Visits].stats, *refresh)
    base.every(interval_s, base.services[ActiveVisitors].refresh, base.services[VisitorSockets].renew, *refresh)
    base.every(TICK_S, rooms.leave_empty)
    base.services[ObservabilityServices].socket_log.caused_by_visits = rooms.caused_by_visits
    gauges = base.services[ObservabilityServices].gauges
    gauges.provide(CONNECTIONS_GAUGE, partial(socket_counts, realtime.fanout))
    gauges.provide(REFUSED_MESSAGES_GAUGE, lambda: base.cluster.bus.refused)
    base.on(base.signals.value_received, rooms.receive)
    base.on(base.signals.value_received, realtime.site.received, of=STATS_ROOM)
    base.on(base.signals.active_changed, realtime.site.active_changed, of=SITE)
    base.on(base.signals.room_heard, realtime.site.catch_up)


def __getattr__(name: str) -> object:
    """Load what host programs import from here when they first use it."""
    if name in __all__:
        from . import broadcaster

        return getattr(broadcaster, name)
    raise AttributeError(name)
