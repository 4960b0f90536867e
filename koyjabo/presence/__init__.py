"""Presence knows who is here now: `visitors` counts the active visitors of the site, and `members` the people online
in a community. Begin with `members/online_members.py`.

The package exports the tracker under the name that host programs import (specification: Python names).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base
    from .members.tracker import CommunityVisitorTracker, visitor_tracker

__all__ = ["CommunityVisitorTracker", "visitor_tracker"]

TABLES = ("members.models",)


def register(base: "Base") -> None:
    from koyjabo.base.cluster.base import TICK_S
    from .members.online_members import OnlineMembers
    from .members.peaks import Peaks
    from .stores import add_services
    from .visitors.active_peak import WRITE_PEAK_S, ActivePeak
    from .worker_messages import ARRIVALS, ARRIVALS_S, VISITOR_FORGOTTEN, WorkerMessages

    add_services(base)
    services = base.services
    messages, peaks, active_peak = WorkerMessages(base), services[Peaks], services[ActivePeak]
    base.on(base.signals.online_changed, messages.record_online)
    base.on(base.signals.message_received, messages.receive_arrivals, of=ARRIVALS)
    base.on(base.signals.visitor_forgotten, messages.forget, messages.publish_forgotten)
    base.on(base.signals.message_received, messages.receive_forgotten, of=VISITOR_FORGOTTEN)
    base.on(base.signals.epoch_began, lambda _: peaks.write_again(), lambda _: active_peak.write_again())
    base.every(ARRIVALS_S, messages.publish_arrivals)
    base.every(TICK_S, services[OnlineMembers].refresh, peaks.refresh)
    base.every(TICK_S, active_peak.measure)
    base.every(WRITE_PEAK_S, active_peak.write)
    base.at_close(peaks.write)
    base.at_close(active_peak.write)


def __getattr__(name: str) -> object:
    """Load what host programs import from here when they first use it."""
    if name in __all__:
        from .members import tracker

        return getattr(tracker, name)
    raise AttributeError(name)
