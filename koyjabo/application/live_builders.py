"""Builds the sources of the rooms whose values come from several packages: dashboards, and the panel."""

from __future__ import annotations

from typing import Any

from koyjabo.analytics.reports import Reports, Visitors
from koyjabo.application.base import Base
from koyjabo.communities.live.dashboard_room import Dashboards
from koyjabo.communities.live.online_people import OnlinePeople
from koyjabo.counting.visits import Visits
from koyjabo.models import Scope
from koyjabo.presence.members.arrivals import ArrivalLog
from koyjabo.realtime.rooms import Rooms
from koyjabo.visit_log.live.feed import Feed
from koyjabo.visit_log.live.last_hour import LastHours
from koyjabo.visit_log.live.live_panel import LivePanel

MOST_NAMED = 50
"""The people online whom a dashboard's event names."""


def dashboards(
    base: Base, rooms: Rooms, reports: Reports, online_people: OnlinePeople, arrivals: ArrivalLog
) -> Dashboards:
    last_hours = LastHours(base.database, base.clock)

    def values(community_id: str) -> dict[str, Any]:
        scope = Scope(community_id)
        found, _ = online_people.page(scope, 0, MOST_NAMED)
        return {
            "today_visitors": people(reports.today(community_id)),
            "realtime_count": base.backends.members.online(scope).count,
            "community_id": community_id,
            "people": [each.as_object() for each in found],
            "minutes": {str(minute): list(visits) for minute, visits in last_hours.minutes(scope).items()},
        }

    def own_values(community_id: str) -> dict[str, Any]:
        return {"arrivals": arrivals.today(Scope(community_id))._asdict()}

    return Dashboards(rooms, values, own_values, base.backends.leader, base.clock)


def live_panel(base: Base, rooms: Rooms, visits: Visits, arrivals: ArrivalLog) -> LivePanel:
    window_s = base.settings.active_window_seconds
    return LivePanel(rooms, base.database, lambda: Feed(base.database, base.clock, visits, arrivals, window_s))


def people(found: Visitors) -> dict[str, int]:
    """The fields of a report as dashboards and the tracker send them."""
    return {
        "authenticated_visitors": found.people.authenticated,
        "anonymous_visitors": found.people.anonymous,
        "total_unique_visitors": sum(found.people),
    }
