"""POST /api/visitor/…: what a visitor's page tells us."""

from __future__ import annotations

from flask import Response, request

from koyjabo.web.api import bp
from koyjabo.web.api.visit_requests import ForgetBody, HeartbeatBody, NewVisitBody
from koyjabo.web.api.visit_responses import RegisteredAnswer, registered_answer
from koyjabo.web.current import current
from koyjabo.web.operations.openapi import describe
from koyjabo.web.security import rate_limits, tokens

REFUSALS = {
    400: "a field cannot be used; nothing was counted",
    413: "over 16 KB; nothing was counted",
    415: "not JSON; nothing was counted",
    429: "too many from this address, or of this visitor; nothing was counted; see Retry-After",
    503: "nothing could be committed, so nothing was counted; see Retry-After",
}


@bp.post("/visitor/register")
@describe(
    "Register one visit",
    {200: RegisteredAnswer, 404: "no such community", **REFUSALS},
    body=NewVisitBody,
    headers={"Idempotency-Key": "stands in for visitId where the body has none"},
)
def register_visit() -> Response:
    """Register one visit. 200 with the receipt, or null for a crawler that is ignored, and the stats; see NewVisitBody
    for what is refused.

    With an access token it is the visit of that user; a token that cannot be used makes it an anonymous one.
    """
    rate_limits.count_registration()
    services = current()
    body = NewVisitBody.of(request)
    rate_limits.count_visit(body.visitorId)
    place = services.network.places.locate(request.remote_addr)
    caller = services.presence.visitor_sockets.caller(request.environ)
    login = tokens.optional()
    user_id = login.account.id if login else None
    visits = services.counting.visits
    receipt = visits.register(body.as_visit(services.clock.now_ms(), place, caller, user_id))
    return registered_answer(receipt, visits.newest() if receipt else visits.stats())


@bp.post("/visitor/heartbeat")
@describe("Stay active", {204: None, 404: "never registered", **REFUSALS}, body=HeartbeatBody)
def heartbeat() -> tuple[str, int]:
    """Keep a visitor active. 204, or 404 for one who never registered."""
    rate_limits.count_heartbeat()
    services, visitor_id = current(), HeartbeatBody.of(request).visitorId
    rate_limits.count_life(visitor_id)
    services.counting.visits.heartbeat(visitor_id, services.network.places.locate(request.remote_addr))
    return "", 204


@bp.post("/visitor/forget")
@describe(
    "Be forgotten: the totals stay, and nothing says who it was",
    {204: None, **REFUSALS, 503: "not done, or not all of it yet; see Retry-After, and send it again"},
    body=ForgetBody,
)
def forget() -> tuple[str, int]:
    """Erase a visitor. 204 whether or not there was one by that id, which whoever knows it may have forgotten."""
    rate_limits.count_forgetting()
    current().maintenance.erasure.forget_oneself(ForgetBody.of(request).visitorId)
    return "", 204
