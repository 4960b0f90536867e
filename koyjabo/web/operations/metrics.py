"""GET /metrics, for Prometheus."""

from __future__ import annotations

from hmac import compare_digest

from flask import Blueprint, Response, current_app, request

from koyjabo.errors import Forbidden, Unauthenticated
from koyjabo.network import client_address
from koyjabo.observability.metrics import CONTENT_TYPE
from koyjabo.web.current import current
from koyjabo.web.operations.openapi import Text, describe

bp = Blueprint("metrics", __name__)

TOKEN = "METRICS_TOKEN"
NO_TOKEN = "Set METRICS_TOKEN to read the metrics from another machine, or ask this one directly, without a proxy."
WRONG_TOKEN = "Send the METRICS_TOKEN as Authorization: Bearer."


@bp.get("/metrics")
@describe(
    "What Prometheus reads",
    {
        200: Text("what is counted and measured, of all workers"),
        401: "not the METRICS_TOKEN",
        403: "there is none, and this is another machine",
    },
    headers={"Authorization": "Bearer METRICS_TOKEN"},
    secured=False,
)
def metrics() -> Response:
    """For whoever knows METRICS_TOKEN; without one, for this machine, unless a proxy asks for somebody else."""
    _require_operator()
    text = current().observability.metrics.text()
    return Response(text, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _require_operator() -> None:
    token, said = current_app.config[TOKEN], request.headers.get("Authorization", "")
    if token and compare_digest(said.encode(), f"Bearer {token}".encode()):
        return
    if client_address.counted(request.environ):
        raise Unauthenticated(WRONG_TOKEN) if token else Forbidden(NO_TOKEN)
