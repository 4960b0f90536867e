"""Builds the services of this package, in Redis or in memory."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from koyjabo.base.cluster.base import Base
from koyjabo.base.observability.observability_services import ObservabilityServices
from koyjabo.presence.members.arrivals import ArrivalCounter
from koyjabo.presence.members.online_members import OnlineMembers
from koyjabo.presence.members.online_members_memory import MemoryOnlineMembers
from koyjabo.presence.members.peaks import Peaks
from koyjabo.presence.visitors.active_peak import ActivePeak
from koyjabo.presence.visitors.active_visitors import ActiveVisitors
from koyjabo.presence.visitors.active_visitors_memory import MemoryActiveVisitors
from koyjabo.presence.visitors.visit_matcher import VisitMatcher
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets

if TYPE_CHECKING:
    from koyjabo.base.cluster.outbox import SharedRedis


Stores = tuple[ActiveVisitors, OnlineMembers, VisitMatcher, tuple[Callable[[], None], ...]]
"""Active visitors, online members, the matcher of visits and sockets, and what to call when Redis responds again."""


def add_services(base: Base) -> None:
    """Add the services, and publish this worker's values again when Redis responds again."""
    settings, services = base.settings, base.services
    stores = _in_redis(base, base.cluster.redis) if base.cluster.redis else _in_memory(base)
    active_visitors, members, matcher, resend = stores
    services.add(active_visitors, ActiveVisitors)
    services.add(members, OnlineMembers)
    sockets = VisitorSockets(
        active_visitors=active_visitors,
        clock=base.clock,
        window_s=settings.active_window_seconds,
        secret=settings.secret_key,
        matcher=matcher,
        max_tabs=settings.rate_limit_tabs,
        on_dropped=partial(base.services[ObservabilityServices].metrics.dropped, "unmatched_visits"),
    )
    services.add(sockets)
    services.add(ActivePeak(base.database, base.clock, base.runtime, active_visitors))
    services.add(Peaks(base.database, base.clock, base.runtime, lambda scope: members.online(scope).count))
    services.add(ArrivalCounter(base.clock))
    for call in resend:
        base.on(base.signals.redis_returned, lambda _, call=call: call())


def _in_memory(base: Base) -> Stores:
    active_visitors = MemoryActiveVisitors(base.clock, base.settings.active_window_seconds)
    grace_s, on_news = base.settings.leave_grace_seconds, base.signals.online_changed.send
    members = MemoryOnlineMembers(base.clock, grace_s, on_news)
    return active_visitors, members, VisitMatcher(), ()


def _in_redis(base: Base, redis: "SharedRedis") -> Stores:
    from koyjabo.presence.members.online_members_redis import RedisOnlineMembers
    from koyjabo.presence.visitors.active_visitors_redis import RedisActiveVisitors
    from koyjabo.presence.visitors.visit_matcher_redis import RedisVisitMatcher

    window_s, grace_s = base.settings.active_window_seconds, base.settings.leave_grace_seconds
    active_visitors = RedisActiveVisitors(base.clock, window_s, *redis, base.signals.active_changed.send)
    members = RedisOnlineMembers(base.clock, grace_s, *redis, base.signals.online_changed.send)
    resend = (active_visitors.resend, members.refresh)
    return active_visitors, members, RedisVisitMatcher(*redis, window_s), resend
