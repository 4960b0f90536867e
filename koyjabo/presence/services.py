"""The services that this package offers to other packages."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from koyjabo.base.cluster.base import Base
from koyjabo.base.observability.services import ObservabilityServices
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


@dataclass(frozen=True, slots=True)
class PresenceServices:
    active_visitors: ActiveVisitors
    members: OnlineMembers
    visitor_sockets: VisitorSockets
    active_peak: ActivePeak
    peaks: Peaks
    arrivals: ArrivalCounter
    resend: tuple[Callable[[], None], ...]  # to call when Redis responds again

    def write_again(self) -> None:
        """Write again the values that only this worker has measured, because the database may have lost them."""
        self.peaks.write_again()
        self.active_peak.write_again()


Stores = tuple[ActiveVisitors, OnlineMembers, VisitMatcher, tuple[Callable[[], None], ...]]
"""Active visitors, online members, the matcher of visits and sockets, and what to call when Redis responds again."""


def build(base: Base) -> PresenceServices:
    settings = base.settings
    stores = _in_redis(base, base.cluster.redis) if base.cluster.redis else _in_memory(base)
    active_visitors, members, matcher, resend = stores
    sockets = VisitorSockets(
        active_visitors=active_visitors,
        clock=base.clock,
        window_s=settings.active_window_seconds,
        secret=settings.secret_key,
        matcher=matcher,
        max_tabs=settings.rate_limit_tabs,
        on_dropped=partial(base.services[ObservabilityServices].metrics.dropped, "unmatched_visits"),
    )
    return PresenceServices(
        active_visitors=active_visitors,
        members=members,
        visitor_sockets=sockets,
        active_peak=ActivePeak(base.database, base.clock, base.runtime, active_visitors),
        peaks=Peaks(base.database, base.clock, base.runtime, lambda scope: members.online(scope).count),
        arrivals=ArrivalCounter(base.clock),
        resend=resend,
    )


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
