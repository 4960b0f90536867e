"""GET /admin/: the stats of the site, charts, and the newest visits."""

from __future__ import annotations

from flask import Response

from koyjabo.visit_log.visit_log import Filter
from koyjabo.web.admin import bp
from koyjabo.web.admin.pages import me, page
from koyjabo.web.current import current

NEWEST = 10


@bp.get("/")
def overview() -> Response:
    services = current()
    stats = services.counting.visits.stats().as_object()
    return page(
        "overview",
        stats=stats,
        locations={place: found["count"] for place, found in stats["locations"].items()},
        hours=[(hour.begins, hour.visited.visits) for hour in services.analytics.timeline.last_hours()],
        days=[(day.begins, *day.visited) for day in services.analytics.timeline.last_days()],
        newest=services.visit_log.page(me(), Filter(), count=NEWEST).visits,
    )
