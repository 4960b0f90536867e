"""POST /api/visitor/register and /api/visits: register visits.

GET /api/stats, and /api/pulse with the last hour (specification: What is going on).
"""

from http import HTTPStatus

from flask import Response, request
from pydantic import BaseModel, Field

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.counting.schemas.requests import VISIT_REFUSALS, NewVisitBody, SentVisitsBody
from koyjabo.counting.schemas.responses import (
    LastVisitResponse,
    RegisteredResponse,
    StatsResponse,
    registered_response,
    stats_or_304,
    writer,
)
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.current import current
from koyjabo.web.fast_path.fast_path import fast_path
from koyjabo.web.fast_path.request_context import RequestContext
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import JSON_CONTENT, PlainResponse, json_response, names_tag, revalidated
from koyjabo.web.login import tokens
from koyjabo.web.openapi.describe import describe
from .incoming import register, register_all
from .own_numbers import OwnNumbers
from .pulse import Pulse
from .records import Receipt
from .stats import encode
from .visits import Visits

bp = api_blueprint("counting")

declare(bp, "/api/visitor/", PathPolicy.ANYONE, tag="visits")
declare(bp, "/api/stats", PathPolicy.ANYONE, tag="visits")
declare(bp, "/api/pulse", PathPolicy.ANYONE, tag="visits")
declare(bp, "/api/visits", PathPolicy.OWN, tag="visits")

VISIT_LIMITS = dict.fromkeys(
    ("registrations", "visits"),
    "Too many visits at once. This one was not counted; wait as long as Retry-After says, then send it again.",
)


@bp.post("/visitor/register")
@describe(
    "Register a visit",
    {200: RegisteredResponse, 404: "no such community", **VISIT_REFUSALS},
    body=NewVisitBody,
    headers={"Idempotency-Key": "used as visitId if the body has none"},
)
@fast_path
def register_visit(context: RequestContext) -> PlainResponse:
    """Register a visit. Returns 200 with the stats and the receipt, which is null for an ignored crawler and for a page
    view. With a valid access token, the visit belongs to the token's user.
    """
    limit = "registrations"
    try:
        body = context.body(NewVisitBody)
        limit = "event_requests" if body.continues else limit
    finally:
        context.count_address(limit)
    receipt, visits = register(context, body), context.services[Visits]
    stats = visits.newest() if receipt else visits.stats()
    return registered_response(receipt, context.services[OwnNumbers], stats)


class SentVisitResponse(BaseModel):
    """The result for one visit: `ordinal` and `duplicate`, or `error`, `code` and `details`."""

    ordinal: int | None = Field(default=None, description="null for a crawler that is not counted", examples=[4001])
    duplicate: bool | None = Field(default=None, description="it was already counted, with this visit number")
    error: str | None = None
    code: str | None = None
    details: dict[str, str] | None = None

    @classmethod
    def of(cls, outcome: Receipt | KoyJaboError | None) -> "SentVisitResponse":
        if isinstance(outcome, KoyJaboError):
            return cls(error=str(outcome), code=outcome.code, details=outcome.details)
        if outcome is None:
            return cls(ordinal=None, duplicate=False)
        return cls(ordinal=outcome.ordinal, duplicate=outcome.duplicate)


class SentVisitsResponse(BaseModel):
    results: list[SentVisitResponse] = Field(description="in the same order as the visits")


@bp.post("/visits")
@describe(
    "Register visits from another server",
    {
        200: SentVisitsResponse,
        400: "not a list, or over 500 visits; nothing was counted",
        413: "over 1 MB; nothing was counted",
        415: "not JSON; nothing was counted",
        503: "some visits may not have been counted; send the same list again",
    },
    body=SentVisitsBody,
    scope="visits:write",
)
def register_visits() -> Response:
    """Register a list of visits. By the time the response arrives, all valid visits are on disk, and a retry counts
    none of them twice. An invalid visit gets an error at its position in the list, and does not affect the other
    visits.
    """
    tokens.require().account.require_site_admin()
    outcomes = register_all(current(), SentVisitsBody.of(request).visits)
    return json_response(SentVisitsResponse(results=[SentVisitResponse.of(outcome) for outcome in outcomes]))


class PulseResponse(BaseModel):
    minute: int = Field(description="visits in the last full minute", examples=[12])
    hour: list[int] = Field(description="visits in each of the last 60 minutes, oldest first, current minute last")
    last: LastVisitResponse | None = Field(description="the newest visit; null before the first one")


@bp.get("/stats")
@describe(
    "Get the site's current stats",
    {200: StatsResponse, 304: None},
    headers={"If-None-Match": "an ETag from an earlier response"},
)
@fast_path
def stats(context: RequestContext) -> PlainResponse:
    """Get the site's stats, or 304 if `If-None-Match` has their revision."""
    return stats_or_304(context.environ, writer.write(context.services[Visits].stats()))


@bp.get("/pulse")
@describe(
    "Get the last hour's visits by minute",
    {200: PulseResponse, 304: None, 503: "the database cannot be read; see Retry-After"},
    headers={"If-None-Match": "an ETag from an earlier response"},
)
@fast_path
def pulse(context: RequestContext) -> PlainResponse:
    """Get the last hour's visits by minute, and the latest visit, or 304 if `If-None-Match` has the current tag."""
    pulse = context.services[Pulse]
    moment = pulse.now()
    if names_tag(context.environ, moment.tag):
        return PlainResponse(HTTPStatus.NOT_MODIFIED, revalidated(moment.tag))
    hour, last = pulse.hour(moment), moment.stats.last
    body = {"minute": hour[-2], "hour": hour, "last": last and last.as_object()}
    return PlainResponse(HTTPStatus.OK, [JSON_CONTENT, *revalidated(moment.tag)], encode(body))
