"""POST /api/visitor/heartbeat: keep a visitor active, and count the time since their previous heartbeat."""

from http import HTTPStatus

from pydantic import Field

from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.counting.anonymity import Anonymity
from koyjabo.counting.schemas.requests import VISIT_REFUSALS, VisitorBody
from koyjabo.counting.visits import Visits
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.fast_path.fast_path import fast_path
from koyjabo.web.fast_path.request_context import RequestContext
from koyjabo.web.http.responses import PlainResponse
from koyjabo.web.openapi.describe import describe
from koyjabo.web.schemas.fields import Flag, VisitId
from .attendance_writer import AttendanceWriter

bp = api_blueprint("evidence")


class HeartbeatBody(VisitorBody):
    visible: Flag = Field(True, description="the page is visible")
    visitId: VisitId = Field(None, description="the visit that the time belongs to; default: the visitor's latest")
    acted: Flag = Field(False, description="there was pointer, wheel, touch or keyboard input")


@bp.post("/visitor/heartbeat")
@describe(
    "Keep a visitor active",
    {204: None, 404: "this visitor has not registered a visit", **VISIT_REFUSALS},
    body=HeartbeatBody,
)
@fast_path
def heartbeat(context: RequestContext) -> PlainResponse:
    """Keep a visitor active, and count up to 60 s since their previous heartbeat, if the page was visible then. Returns
    204, or 404 for a visitor without a registered visit.
    """
    context.count_address("heartbeats")
    body, anonymity = context.body(HeartbeatBody), context.services[Anonymity]
    context.count_visitor("heartbeats", body.visitorId)
    is_anonymous = anonymity.is_requested(context.environ, body.anonymous)
    place = context.services[LocationFinder].locate(context.environ.get("REMOTE_ADDR"), has_city=not is_anonymous)
    key = body.visitorId, body.visitId
    visitor_id, visit_id = anonymity.key_of(*key) if is_anonymous else key
    context.services[Visits].keep_active(visitor_id, place)
    address = context.usage.address or ""
    context.services[AttendanceWriter].beat(visitor_id, visit_id, body.visible, body.acted, address)
    return PlainResponse(HTTPStatus.NO_CONTENT, [])
