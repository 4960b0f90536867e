"""Health checks for operators: liveness and readiness."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

from flask import Blueprint, Response
from pydantic import BaseModel, Field

from koyjabo.maintenance.services import MaintenanceServices
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import Answer
from koyjabo.webkit.lanes.request_context import RequestContext, lane
from koyjabo.webkit.limits import rate_limits
from koyjabo.webkit.openapi.describe import describe

bp = Blueprint("health", __name__)


class AliveAnswer(BaseModel):
    status: Literal["alive"] = "alive"


ALIVE = Answer(HTTPStatus.OK, [("Content-Type", "application/json")], AliveAnswer().model_dump_json())


class Check(BaseModel):
    ok: bool
    ms: float | None = Field(default=None, description="response time in ms")
    error: str | None = None


class ReadyAnswer(BaseModel):
    """The dependencies of the server, and whether each of them answers."""

    status: Literal["ready", "not ready"]
    checks: dict[str, Check]
    warnings: list[str] | None = Field(default=None, description="what the operator should change, if anything")


@bp.get("/healthz")
@describe("Liveness check", {200: AliveAnswer})
@lane
def healthz(context: RequestContext) -> Answer:
    """Liveness: this process answers. The database is not checked."""
    return ALIVE


@bp.get("/readyz")
@describe("Readiness check", {200: ReadyAnswer, 503: ReadyAnswer})
def readyz() -> Response:
    """Readiness: the database answers, commits succeed without delay, the event loop is not late, and Redis answers
    where it is used. 503 with the reason if a check fails.
    """
    found = current()[MaintenanceServices].readiness.checks()
    checks = {name: Check(**each._asdict()) for name, each in found.items()}
    ready = all(check.ok for check in checks.values())
    warning = rate_limits.limits().local_proxy.warning
    answer = ReadyAnswer(
        status="ready" if ready else "not ready", checks=checks, warnings=[warning] if warning else None
    )
    headers = {"Cache-Control": "no-store"} if ready else {"Cache-Control": "no-store", "Retry-After": "2"}
    body = answer.model_dump_json(exclude_none=True)
    return Response(body, 200 if ready else 503, headers, mimetype="application/json")
