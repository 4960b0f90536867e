"""GET /api/stats: the stats of the site."""

from __future__ import annotations

from flask import Response, request

from koyjabo.web.api import bp
from koyjabo.web.api.visit_responses import StatsAnswer, stats_or_304, writer
from koyjabo.web.current import current
from koyjabo.web.operations.openapi import describe


@bp.get("/stats")
@describe(
    "Current stats of the site",
    {200: StatsAnswer, 304: None},
    headers={"If-None-Match": "an ETag from an earlier answer"},
)
def stats() -> Response:
    """The stats object, or 304 if `If-None-Match` names its revision."""
    return stats_or_304(request, writer.write(current().counting.visits.stats()))
