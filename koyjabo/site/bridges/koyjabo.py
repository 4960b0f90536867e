"""POST and GET /gh: the calls about visits that koyjabo.com makes to its Cloudflare worker (docs/bridges.md)."""

import json
from http import HTTPStatus
from typing import Annotated, Any

from flask import Blueprint, Response, request
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from koyjabo.base.core.errors import NotBridged
from koyjabo.base.core.identity import VISIT_NAME
from koyjabo.counting.incoming import register
from koyjabo.counting.schemas.requests import VISIT_REFUSALS, NewVisitBody
from koyjabo.counting.visits import Visits
from koyjabo.web.current import current
from koyjabo.web.fast_path.fast_path import fast_path
from koyjabo.web.fast_path.request_context import RequestContext
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import PlainResponse
from koyjabo.web.openapi.describe import describe
from koyjabo.web.schemas.bodies import FROM_ANY_PAGE, Body
from koyjabo.web.schemas.validators import pattern, refuse, text, visit_id, visitor_id

bp = Blueprint("koyjabo_bridge", __name__)

BRIDGE_PATH = "/gh"
declare(bp, BRIDGE_PATH, PathPolicy.ANYONE)
RECORD_VISIT = "record-visit"
STATS_FILE = "data/stats/global.json"
NOTHING_ELSE = "no other calls are supported here"


def _action(value: Any) -> str:
    """The action. Raises NotBridged."""
    if value != RECORD_VISIT:
        raise NotBridged
    return RECORD_VISIT


def _request_id(value: Any) -> str:
    return visit_id("" if value is None else value) or ""


def _visitor_of(value: Any) -> str:
    """The `visitorId` in a JSON text."""
    try:
        sent = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        sent = None
    if not isinstance(sent, dict):
        raise refuse("must be JSON text with a visitorId")
    return visitor_id(sent.get("visitorId"))


class VisitRecordBody(Body):
    """A visit as koyjabo.com sends it. `email`, `passwordHash` and `userId` are neither read nor stored."""

    media = FROM_ANY_PAGE

    action: Annotated[str, BeforeValidator(_action), WithJsonSchema({"const": RECORD_VISIT})] = Field(
        "", validate_default=True
    )
    requestId: Annotated[str, BeforeValidator(_request_id), WithJsonSchema(pattern(VISIT_NAME))] = Field(
        description="the visitId: a repeated request is not counted again"
    )
    data: Annotated[str, BeforeValidator(_visitor_of), WithJsonSchema({"type": "string"})] = Field(
        description="JSON text; only its visitorId is used",
        examples=['{"visitorId": "visitor_1702757318000_a1b2c3"}'],
    )


class GlobalStatsResponse(BaseModel):
    """Stats for koyjabo.com. `todayDate` is left out, because clients would compare it with the UTC day and show 0
    until 06:00 in Dhaka.
    """

    totalVisits: int = Field(examples=[4001])
    todayVisits: int = Field(examples=[145])
    uniqueVisitors: int = Field(examples=[3821])


@bp.post(BRIDGE_PATH)
@describe("Count a visit to koyjabo.com", {204: None, 404: NOTHING_ELSE, **VISIT_REFUSALS}, body=VisitRecordBody)
@fast_path
def record_visit(context: RequestContext) -> PlainResponse:
    """Register a visit under the rules of POST /api/visitor/register. Returns 204, even for a visit that was already
    counted.
    """
    context.count_address("registrations")
    sent = context.body(VisitRecordBody)
    user_agent = text(context.environ.get("HTTP_USER_AGENT"))
    fields = {"visitorId": sent.data, "visitId": sent.requestId, "userAgent": user_agent}
    register(context, NewVisitBody.model_validate(fields), is_measured=False)
    return PlainResponse(HTTPStatus.NO_CONTENT, [])


@bp.get(BRIDGE_PATH)
@describe(
    "Current stats for koyjabo.com",
    {200: GlobalStatsResponse, 404: NOTHING_ELSE},
    query={"r": "any", "p": STATS_FILE},
)
def read_stats() -> Response:
    """Return the stats. They include every visit acknowledged before the request."""
    if request.args.get("p") != STATS_FILE:
        raise NotBridged
    stats = current()[Visits].stats().as_object()
    shown = {name: stats[name] for name in GlobalStatsResponse.model_fields}
    return Response(json.dumps(shown), headers={"Cache-Control": "no-cache"}, mimetype="application/json")


@bp.route(BRIDGE_PATH, methods=["PUT", "PATCH", "DELETE"])
def refuse_others() -> Response:
    raise NotBridged
