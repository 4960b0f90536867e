"""GET /admin/realtime: the last hour by minute, the places of active visitors, and the newest visits."""

from __future__ import annotations

from flask import Response

from koyjabo.core.clock import MINUTE_MS
from koyjabo.counting.last_hour import columns
from koyjabo.counting.services import CountingServices
from koyjabo.reports.services import ReportServices
from koyjabo.visit_log.live.recent import NEWEST
from koyjabo.visit_log.services import VisitLogServices
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.panel import for_viewers
from koyjabo.webkit.panel.pages import page


@bp.get("/realtime")
@for_viewers
def realtime() -> Response:
    """The state that a socket of the panel begins with. The page's script keeps it up to date."""
    services = current()
    stats, feed = services[CountingServices].visits.stats(), services[VisitLogServices].live_panel.current()
    parts = feed.parts()
    return page(
        "visit_log/realtime",
        stats=stats.as_object(),
        columns=columns(services.clock, parts["minutes"]),
        places=parts["places"],
        pages=parts["pages"],
        window_minutes=feed.window_ms // MINUTE_MS,
        communities=parts["communities"],
        newest=feed.newest,
        milestone=services[ReportServices].annotations.last_milestone(),
        most=NEWEST,
    )
