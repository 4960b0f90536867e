"""GET /api/stats: the numbers, for verification and for polling."""

from __future__ import annotations

from flask import Response, request

from koyjabo.web.api import bp
from koyjabo.web.api.answers import StatsAnswer, revalidated, stats_answer, writer
from koyjabo.web.current import current
from koyjabo.web.openapi import describe


@bp.get("/stats")
@describe(
    "The site's numbers as they are now",
    {200: StatsAnswer, 304: None},
    headers={"If-None-Match": "an ETag from an earlier answer"},
)
def stats() -> Response:
    """The stats object, or 304 when `If-None-Match` names its revision."""
    newest = writer.write(current().visits.stats())
    if "HTTP_IF_NONE_MATCH" in request.environ and request.if_none_match.contains_weak(newest.tag):
        return Response(status=304, headers=revalidated(newest.tag))
    return stats_answer(newest)
