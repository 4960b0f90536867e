"""GET /metrics, for Prometheus."""

from __future__ import annotations

from hmac import compare_digest

from flask import Blueprint, Response, current_app, request

from koyjabo.core.errors import Forbidden, Unauthenticated
from koyjabo.network import client_address
from koyjabo.observability.metrics import CONTENT_TYPE
from koyjabo.observability.services import ObservabilityServices
from koyjabo.webkit.current import current
from koyjabo.webkit.openapi.describe import Text, describe

bp = Blueprint("metrics", __name__)

TOKEN = "METRICS_TOKEN"
NO_TOKEN = "Set METRICS_TOKEN to read the metrics."
WRONG_TOKEN = "Send the METRICS_TOKEN as Authorization: Bearer."


@bp.get("/metrics")
@describe(
    "Metrics for Prometheus",
    {
        200: Text("the metrics of all workers"),
        401: "wrong METRICS_TOKEN",
        403: "METRICS_TOKEN is not set",
    },
    headers={"Authorization": "Bearer METRICS_TOKEN"},
    secured=False,
)
def metrics() -> Response:
    """Requires METRICS_TOKEN. In development, direct requests from this machine do without."""
    _require_operator()
    text = current()[ObservabilityServices].metrics.text()
    return Response(text, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _require_operator() -> None:
    token, authorization = current_app.config[TOKEN], request.headers.get("Authorization", "")
    if token and compare_digest(authorization.encode(), f"Bearer {token}".encode()):
        return
    if client_address.limit_key(request.environ):  # empty only in development
        raise Unauthenticated(WRONG_TOKEN) if token else Forbidden(NO_TOKEN)
