"""/healthz and /readyz for load balancers, and /metrics for Prometheus."""

from collections.abc import Iterator
from hmac import compare_digest
from http import HTTPStatus
from typing import Literal

from flask import Blueprint, Response, current_app, request
from pydantic import BaseModel, Field

from koyjabo.base.core.clock import iso
from koyjabo.base.core.errors import Forbidden, Unauthenticated
from koyjabo.base.network import client_address
from koyjabo.base.observability.health_warning import READY_WARNINGS
from koyjabo.base.observability.metrics import METRICS_CONTENT_TYPE
from koyjabo.base.observability.observability_services import ObservabilityServices
from koyjabo.counting.clock_watch import DOUBTED_CLOCK, WRONG_CLOCK, ClockWatch
from koyjabo.counting.unsaved_visits import UnsavedVisits
from koyjabo.web.current import current
from koyjabo.web.fast_path.fast_path import fast_path
from koyjabo.web.fast_path.request_context import RequestContext
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import PlainResponse
from koyjabo.web.limits import limits
from koyjabo.web.openapi.describe import describe
from koyjabo.web.openapi.response_specs import Text
from .database_advice import DatabaseAdvice
from .readiness import Readiness

health_bp = Blueprint("health", __name__)
metrics_bp = Blueprint("metrics", __name__)
declare(health_bp, "/healthz", PathPolicy.ANYONE)
declare(health_bp, "/readyz", PathPolicy.ANYONE)
declare(metrics_bp, "/metrics", PathPolicy.OWN)

METRICS_TOKEN = "METRICS_TOKEN"
NO_TOKEN = "Set METRICS_TOKEN to read the metrics."
WRONG_TOKEN = "Send METRICS_TOKEN as a bearer token: Authorization: Bearer METRICS_TOKEN."

CLOCK_TIMES = "The clock of this machine shows {clock}, and the newest visit is filed at {visits}: "
CLOCK_WARNINGS = {
    DOUBTED_CLOCK: f"{CLOCK_TIMES}answer on the page Server, or with `koyjabo clock`, which one is right.",
    WRONG_CLOCK: f"{CLOCK_TIMES}the clock is wrong. Set it from the network (NTP).",
}
UNSAVED_VISITS = "Visits are not being saved. The page Server and the log show why."
OTHER_CLOCK = "The clock of {host} shows {other}, the clock of this machine {clock}. Set both from the network (NTP)."


class AliveResponse(BaseModel):
    status: Literal["alive"] = "alive"


ALIVE_RESPONSE = PlainResponse(HTTPStatus.OK, [("Content-Type", "application/json")], AliveResponse().model_dump_json())


class Check(BaseModel):
    ok: bool
    ms: float | None = Field(default=None, description="response time in ms")
    error: str | None = None


class ReadyResponse(BaseModel):
    """The server's dependencies, and whether each of them works."""

    status: Literal["ready", "not ready"]
    checks: dict[str, Check]
    warnings: list[str] | None = Field(default=None, description="what the operator should change, if anything")


@health_bp.get("/healthz")
@describe("Liveness check", {200: AliveResponse})
@fast_path
def healthz(context: RequestContext) -> PlainResponse:
    """Liveness: this process responds. Does not check the database."""
    return ALIVE_RESPONSE


@health_bp.get("/readyz")
@describe("Readiness check", {200: ReadyResponse, 503: ReadyResponse})
def readyz() -> Response:
    """Readiness: the database responds, commits succeed without delay, the event loop is not late, and Redis responds
    if it is used. Returns 503 with the reason if a check fails.
    """
    results = current()[Readiness].checks()
    checks = {name: Check(**ready._asdict()) for name, ready in results.items()}
    is_ready = all(check.ok for check in checks.values())
    advice = [UNSAVED_VISITS if current()[UnsavedVisits].now() else None]
    advice += [limits.limits().local_proxy.warning, *_clock_warnings(), *current()[DatabaseAdvice].sentences]
    advice += [warn() for warn in READY_WARNINGS.values()]
    warnings = [warning for warning in advice if warning]
    response = ReadyResponse(status="ready" if is_ready else "not ready", checks=checks, warnings=warnings or None)
    headers = {"Cache-Control": "no-store"} if is_ready else {"Cache-Control": "no-store", "Retry-After": "2"}
    body = response.model_dump_json(exclude_none=True)
    return Response(body, 200 if is_ready else 503, headers, mimetype="application/json")


def _clock_warnings() -> Iterator[str]:
    reading = current()[ClockWatch].reading
    clock, visits = iso(reading.system_ms), iso(reading.newest_ms)
    for host, other_ms in reading.differing:
        yield OTHER_CLOCK.format(host=host, other=iso(other_ms), clock=clock)
    if reading.verdict in CLOCK_WARNINGS:
        yield CLOCK_WARNINGS[reading.verdict].format(clock=clock, visits=visits)


@metrics_bp.get("/metrics")
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
    """Metrics for Prometheus. Requires METRICS_TOKEN. In development, direct requests from this machine need no
    token.
    """
    token, authorization = current_app.config[METRICS_TOKEN], request.headers.get("Authorization", "")
    is_operator = token and compare_digest(authorization.encode(), f"Bearer {token}".encode())
    if not is_operator and client_address.limit_key(request.environ):  # the key is empty only in development
        raise Unauthenticated(WRONG_TOKEN) if token else Forbidden(NO_TOKEN)
    text = current()[ObservabilityServices].metrics.text()
    return Response(text, content_type=METRICS_CONTENT_TYPE, headers={"Cache-Control": "no-store"})
