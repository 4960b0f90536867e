"""GET /api/stats: the stats of the site."""

from __future__ import annotations

from koyjabo.web.api import bp
from koyjabo.web.api.visit_responses import StatsAnswer, stats_or_304, writer
from koyjabo.web.http.answers import Answer
from koyjabo.web.http.calls import Call, lane
from koyjabo.web.operations.openapi import describe


@bp.get("/stats")
@describe(
    "Current stats of the site",
    {200: StatsAnswer, 304: None},
    headers={"If-None-Match": "an ETag from an earlier answer"},
)
@lane
def stats(call: Call) -> Answer:
    """The stats object, or 304 if `If-None-Match` names its revision."""
    return stats_or_304(call.environ, writer.write(call.services.counting.visits.stats()))
