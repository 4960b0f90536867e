"""GET /admin/realtime: the last hour by minute, the places of active visitors, and the newest visits."""

from __future__ import annotations

from flask import Response

from koyjabo.clock import MINUTE_MS
from koyjabo.visit_log.live.recent import NEWEST
from koyjabo.web.admin import bp
from koyjabo.web.admin.pages import page
from koyjabo.web.current import current
from koyjabo.web.ui.minutes import columns


@bp.get("/realtime")
def realtime() -> Response:
    """The state that a socket of the panel begins with. The page's script keeps it up to date."""
    services = current()
    stats, feed = services.counting.visits.stats(), services.visit_log.live_panel.current()
    parts = feed.parts()
    return page(
        "realtime",
        stats=stats.as_object(),
        columns=columns(services.clock, parts["minutes"]),
        places=parts["places"],
        pages=parts["pages"],
        window_minutes=feed.window_ms // MINUTE_MS,
        communities=parts["communities"],
        newest=feed.newest,
        milestone=services.insights.annotations.last_milestone(),
        most=NEWEST,
    )
