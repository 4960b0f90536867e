"""POST /api/events: record page views and events."""

from __future__ import annotations

from http import HTTPStatus

from koyjabo.core.errors import TooManyRequests
from koyjabo.counting.services import CountingServices
from koyjabo.network.user_agents import is_bot
from koyjabo.reports.api.event_requests import EventsBody, RecordedAnswer
from koyjabo.reports.events.records import Recorded
from koyjabo.reports.events.stored_bytes import Size, size_of
from koyjabo.reports.services import ReportServices
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.http.responses import CONTENT, PlainResponse
from koyjabo.webkit.lanes.request_context import RequestContext, lane
from koyjabo.webkit.openapi.describe import describe
from koyjabo.webkit.schemas.fields import text

REFUSALS = {
    400: "a field cannot be used; nothing was recorded",
    413: "over 16 KB; nothing was recorded",
    415: "not JSON; nothing was recorded",
    429: "too many from this address, or of this visitor; nothing was recorded; see Retry-After",
    503: "nothing could be committed, or the disk is almost full, so nothing was recorded; see Retry-After",
}

NOTHING = Recorded(0, 0)


@bp.post("/events")
@describe("Record page views and events", {200: RecordedAnswer, **REFUSALS}, body=EventsBody)
@lane
def record_events(context: RequestContext) -> PlainResponse:
    """Record up to 50 events of a visitor, all or none. 200 once they are on disk, with how many were new; 0 and 0 for
    an ignored crawler. Each belongs to the newest visit of its visitor.
    """
    context.count_address("event_requests")
    body, services = context.body(EventsBody), context.services
    context.count_visitor("event_requests", body.visitorId)
    events, anonymity = body.as_events(services.clock.now_ms()), services[CountingServices].anonymity
    if anonymity.is_asked(context.environ, body.anonymous):
        keys = anonymity.keys_of(body.visitorId, [event.event_id for event in events])
        events = [event.anonymous(*own) for event, own in zip(events, keys, strict=True)]
    size, recorded = size_of(events), NOTHING
    _count(context, body.visitorId, size)
    try:
        recorded = services[ReportServices].events.record(events, is_bot(text(context.environ.get("HTTP_USER_AGENT"))))
    finally:
        context.uncount_stored(size.most_bytes - recorded.stored_bytes)
    context.uncount_visitor("events", body.visitorId, size.uses * (len(events) - recorded.accepted) // len(events))
    if not recorded.accepted:
        context.uncount_visitor("event_requests", body.visitorId)
    answer = f'{{"accepted":{recorded.accepted},"duplicates":{recorded.duplicates}}}'
    return PlainResponse(HTTPStatus.OK, [CONTENT, ("Cache-Control", "no-store")], answer)


def _count(context: RequestContext, visitor_id: str, size: Size) -> None:
    """Count the events of a request, for its visitor and its address: for both, or for none. Raises TooManyRequests."""
    context.count_stored(size.most_bytes)
    try:
        context.count_visitor("events", visitor_id, size.uses)
        try:
            context.count_address("events", size.uses)
        except TooManyRequests:
            context.uncount_visitor("events", visitor_id, size.uses)
            raise
    except TooManyRequests:
        context.uncount_stored(size.most_bytes)
        raise
