"""POST /api/events: record page views and events."""

from __future__ import annotations

from http import HTTPStatus

from koyjabo.counting.services import CountingServices
from koyjabo.network.crawlers import is_bot
from koyjabo.reports.api.event_requests import EventsBody, RecordedAnswer
from koyjabo.reports.events.records import Recorded
from koyjabo.reports.events.stored_bytes import size_of
from koyjabo.reports.services import ReportServices
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.http.responses import CONTENT, Answer
from koyjabo.webkit.lanes.calls import Call, lane
from koyjabo.webkit.limits import limits
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
def record_events(call: Call) -> Answer:
    """Record up to 50 events of a visitor, all or none. 200 once they are on disk, with how many were new; 0 and 0 for
    an ignored crawler. Each belongs to the newest visit of its visitor.
    """
    call.count_address("event_requests", limits.NOT_RECORDED)
    body, services = call.body(EventsBody), call.services
    call.count_visitor("event_requests", body.visitorId, limits.NOT_RECORDED)
    events, anonymity = body.as_events(services.clock.now_ms()), services[CountingServices].anonymity
    if anonymity.is_asked(call.environ, body.anonymous):
        keys = anonymity.keys_of(body.visitorId, [event.event_id for event in events])
        events = [event.anonymous(*own) for event, own in zip(events, keys, strict=True)]
    size, recorded = size_of(events), NOTHING
    call.count_events(body.visitorId, size)
    try:
        recorded = services[ReportServices].events.record(events, is_bot(text(call.environ.get("HTTP_USER_AGENT"))))
    finally:
        call.uncount_stored(size.most_bytes - recorded.stored_bytes)
    call.uncount_visitor("events", body.visitorId, size.uses * (len(events) - recorded.accepted) // len(events))
    if not recorded.accepted:
        call.uncount_visitor("event_requests", body.visitorId)
    answer = f'{{"accepted":{recorded.accepted},"duplicates":{recorded.duplicates}}}'
    return Answer(HTTPStatus.OK, [CONTENT, ("Cache-Control", "no-store")], answer)
