"""Reports count visits, page views and events exactly, by dimension, for the site and for each community, and
`visits` lists the visits themselves. Begin with `engine/insights.py`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api.community_reports", "api.events", "api.reports", "pages.community_report_pages")
TABLES = ("models",)
UPKEEP = ("upkeep_queries:ConversionRules",)
FILLS = {
    "web.limits.limits:LIMIT_SENTENCES": "api.events:EVENT_LIMITS",
}


def register(base: "Base") -> None:
    from koyjabo.communities.live.dashboards import ReportRooms
    from koyjabo.web.panel.navigation import OVERVIEW_SECTION, Navigation, Shortcut
    from .community_people import Reports
    from .community_signals import CommunitySignals
    from .dashboard_data import DashboardData, bind_tracker
    from .engine.insights import Insights
    from .ui.cards import COMMUNITY_CARDS
    from .ui.live_views import LiveViews

    base.services.add(Insights(base))
    people = base.services.add(Reports(base.database, base.clock, base.signals.visitor_converted.send))
    dashboards = DashboardData(base, people)
    base.services.add(LiveViews(base.services))
    base.services.add(ReportRooms(base.services[LiveViews].view, dashboards.read, dashboards.own, dashboards.version))
    community_signals = CommunitySignals(base.services, people)
    base.on(base.signals.members_attended, community_signals.record_attendance)
    base.on(base.signals.visitor_identified, community_signals.convert)
    base.on(base.signals.visitor_converted, community_signals.announce_conversion)
    bind_tracker(base)
    cards = (Shortcut(card.label, OVERVIEW_SECTION, f"insights-{card.name}") for card in COMMUNITY_CARDS)
    base.services[Navigation].add_shortcuts(OVERVIEW_SECTION, *cards)
