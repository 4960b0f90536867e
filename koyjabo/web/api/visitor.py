"""POST /api/visitor/…: what a visitor's page tells us."""

from __future__ import annotations

from flask import Response, request

from koyjabo.web import auth, rate_limits
from koyjabo.web.api import bp
from koyjabo.web.api.answers import RegisteredAnswer, registered_answer
from koyjabo.web.api.bodies import HeartbeatBody, NewVisitBody
from koyjabo.web.current import current
from koyjabo.web.openapi import describe

REFUSALS = {
    400: "a field cannot be used; nothing was counted",
    413: "over 16 KB; nothing was counted",
    415: "not JSON; nothing was counted",
    503: "nothing could be committed, so nothing was counted; see Retry-After",
}


@bp.post("/visitor/register")
@describe(
    "Register one visit",
    {200: RegisteredAnswer, 404: "no such community", 429: "too many from this address; see Retry-After", **REFUSALS},
    body=NewVisitBody,
    headers={"Idempotency-Key": "stands in for visitId where the body has none"},
)
def register_visit() -> Response:
    """Register one visit. 200 with the receipt and the stats; see NewVisitBody for what is refused.

    With an access token it is the visit of that user; a token that cannot be used makes it an anonymous one.
    """
    rate_limits.count_registration()
    services = current()
    body = NewVisitBody.of(request)
    place, caller = services.places.locate(request.remote_addr), services.pairing.caller(request.environ)
    login = auth.optional()
    user_id = login.account.id if login else None
    receipt = services.visits.register(body.as_visit(services.clock.now_ms(), place, caller, user_id))
    return registered_answer(receipt, services.visits.newest())


@bp.post("/visitor/heartbeat")
@describe("Stay active", {204: None, 404: "never registered", **REFUSALS}, body=HeartbeatBody)
def heartbeat() -> tuple[str, int]:
    """Keep a visitor active. 204, or 404 for one who never registered."""
    services = current()
    services.visits.heartbeat(HeartbeatBody.of(request).visitorId, services.places.locate(request.remote_addr))
    return "", 204
