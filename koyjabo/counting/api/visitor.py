"""POST /api/visitor/…: register a visit, keep a visitor active."""

from __future__ import annotations

from http import HTTPStatus

from koyjabo.counting.services import CountingServices
from koyjabo.counting.ui.requests import REFUSALS, HeartbeatBody, NewVisitBody, register
from koyjabo.counting.ui.schemas import RegisteredAnswer, registered_answer
from koyjabo.network.services import NetworkServices
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.http.responses import Answer
from koyjabo.webkit.lanes.request_context import RequestContext, lane
from koyjabo.webkit.openapi.describe import describe


@bp.post("/visitor/register")
@describe(
    "Register a visit",
    {200: RegisteredAnswer, 404: "no such community", **REFUSALS},
    body=NewVisitBody,
    headers={"Idempotency-Key": "used as visitId if the body has none"},
)
@lane
def register_visit(context: RequestContext) -> Answer:
    """Register a visit. 200 with the stats and the receipt, which is null for an ignored crawler. NewVisitBody says
    what is refused.

    With a valid access token, the visit belongs to that user; otherwise it is anonymous.
    """
    context.count_address("registrations")
    receipt, visits = register(context, context.body(NewVisitBody)), context.services[CountingServices].visits
    stats = visits.newest() if receipt else visits.stats()
    return registered_answer(receipt, context.services[CountingServices].own_numbers, stats)


@bp.post("/visitor/heartbeat")
@describe(
    "Keep a visitor active", {204: None, 404: "this visitor has not registered a visit", **REFUSALS}, body=HeartbeatBody
)
@lane
def heartbeat(context: RequestContext) -> Answer:
    """Keep a visitor active. 204, or 404 for a visitor without a registered visit."""
    context.count_address("heartbeats")
    body, counting = context.body(HeartbeatBody), context.services[CountingServices]
    context.count_visitor("heartbeats", body.visitorId)
    is_anonymous = counting.anonymity.is_asked(context.environ, body.anonymous)
    place = context.services[NetworkServices].places.locate(
        context.environ.get("REMOTE_ADDR"), has_city=not is_anonymous
    )
    visitor_id = counting.anonymity.known_as(body.visitorId) if is_anonymous else body.visitorId
    counting.visits.keep_active(visitor_id, place)
    return Answer(HTTPStatus.NO_CONTENT, [])
