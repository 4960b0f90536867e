"""POST /api/visitor/…: register a visit, keep a visitor active, erase a visitor."""

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
    "Register a visit",
    {200: RegisteredAnswer, 404: "no such community", **REFUSALS},
    body=NewVisitBody,
    headers={"Idempotency-Key": "used as visitId if the body has none"},
)
def register_visit() -> Response:
    """Register a visit. 200 with the stats and the receipt, which is null for an ignored crawler. NewVisitBody says
    what is refused.

    With a valid access token, the visit belongs to that user; otherwise it is anonymous.
    """
    rate_limits.count_registration()
    services = current()
    body = NewVisitBody.of(request)
    rate_limits.count_visit(body.visitorId)
    place = services.network.places.locate(request.remote_addr)
    fingerprint = services.presence.visitor_sockets.fingerprint(request.environ)
    login = tokens.optional()
    user_id = login.account.id if login else None
    visits = services.counting.visits
    receipt = visits.register(body.as_visit(services.clock.now_ms(), place, fingerprint, user_id))
    return registered_answer(receipt, visits.newest() if receipt else visits.stats())


@bp.post("/visitor/heartbeat")
@describe(
    "Keep a visitor active", {204: None, 404: "this visitor has not registered a visit", **REFUSALS}, body=HeartbeatBody
)
def heartbeat() -> tuple[str, int]:
    """Keep a visitor active. 204, or 404 for a visitor without a registered visit."""
    rate_limits.count_heartbeat()
    services, visitor_id = current(), HeartbeatBody.of(request).visitorId
    rate_limits.count_visitor_heartbeat(visitor_id)
    services.counting.visits.keep_active(visitor_id, services.network.places.locate(request.remote_addr))
    return "", 204


@bp.post("/visitor/forget")
@describe(
    "Erase a visitor; the totals stay the same",
    {204: None, **REFUSALS, 503: "not done, or not finished; repeat the request, see Retry-After"},
    body=ForgetBody,
)
def forget() -> tuple[str, int]:
    """Erase a visitor. 204 also if the id is unknown. Knowing the id is enough to erase it."""
    rate_limits.count_erasure()
    current().maintenance.erasure.forget_oneself(ForgetBody.of(request).visitorId)
    return "", 204
