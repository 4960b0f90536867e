"""GET /api/stats: the stats of the site. GET /api/pulse: its last hour (specification: What is going on)."""

from __future__ import annotations

from http import HTTPStatus

from pydantic import BaseModel, Field
from werkzeug.http import parse_etags

from koyjabo.counting.services import CountingServices
from koyjabo.counting.stats import encode
from koyjabo.counting.ui.schemas import LastVisitAnswer, StatsAnswer, stats_or_304, writer
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.http.responses import CONTENT, Answer, revalidated
from koyjabo.webkit.lanes.request_context import RequestContext, lane
from koyjabo.webkit.openapi.describe import describe


class PulseAnswer(BaseModel):
    minute: int = Field(description="visits of the last full minute", examples=[12])
    hour: list[int] = Field(description="visits of the last 60 minutes, the oldest first, the running one last")
    last: LastVisitAnswer | None = Field(description="the newest visit; null before the first one")


@bp.get("/stats")
@describe(
    "Current stats of the site",
    {200: StatsAnswer, 304: None},
    headers={"If-None-Match": "an ETag from an earlier answer"},
)
@lane
def stats(context: RequestContext) -> Answer:
    """The stats object, or 304 if `If-None-Match` names its revision."""
    return stats_or_304(context.environ, writer.write(context.services[CountingServices].visits.stats()))


@bp.get("/pulse")
@describe(
    "Visits of the last hour by minute",
    {200: PulseAnswer, 304: None, 503: "the database cannot be read; see Retry-After"},
    headers={"If-None-Match": "an ETag from an earlier answer"},
)
@lane
def pulse(context: RequestContext) -> Answer:
    """The visits of the last hour by minute, and the newest one. 304 if `If-None-Match` names the present answer."""
    pulse = context.services[CountingServices].pulse
    moment = pulse.now()
    shown = context.environ.get("HTTP_IF_NONE_MATCH")
    if shown is not None and parse_etags(shown).contains_weak(moment.tag):
        return Answer(HTTPStatus.NOT_MODIFIED, revalidated(moment.tag))
    hour, last = pulse.hour(moment), moment.stats.last
    body = {"minute": hour[-2], "hour": hour, "last": last and last.as_object()}
    return Answer(HTTPStatus.OK, [CONTENT, *revalidated(moment.tag)], encode(body))
