"""POST /api/visitor/forget: erase a visitor."""

from flask import request

from koyjabo.counting.anonymity import Anonymity
from koyjabo.counting.schemas.requests import VISIT_REFUSALS, ForgetBody
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.current import current
from koyjabo.web.limits import limits
from koyjabo.web.openapi.describe import describe
from .erasure import Erasure

bp = api_blueprint("erasure")


@bp.post("/visitor/forget")
@describe(
    "Erase a visitor; the totals stay the same",
    {204: None, **VISIT_REFUSALS, 503: "not erased, or not completely; repeat the request, see Retry-After"},
    body=ForgetBody,
)
def forget() -> tuple[str, int]:
    """Erase a visitor, including their anonymous visits from today. Returns 204 even if the id is unknown. Anyone who
    knows the id can erase the visitor.
    """
    limits.count_address("erasures")
    visitor_id, services = ForgetBody.of(request).visitorId, current()
    services[Erasure].forget_oneself(visitor_id, *services[Anonymity].names(visitor_id))
    return "", 204
